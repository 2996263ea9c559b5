"""Revocations, the key ring, and the epoch that tells caches when they are stale."""

import asyncio
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from unkai.identity.store.tables import epochs, keys, revocations
from unkai.kernel.store import Database, Tx, upsert


def revoke(tx: Tx, kind: str, subject: str, *, issued_before: datetime, forget_at: datetime) -> None:
    """Revoke tokens of one kind ("audit", "chain", "user", "project", "domain") issued before a time."""
    tx.execute(
        sa.insert(revocations).values(kind=kind, subject=subject, issued_before=issued_before, forget_at=forget_at)
    )


def forget_revocations(tx: Tx, now: datetime) -> int:
    """Drop what can match no living token any more."""
    return tx.count(sa.delete(revocations).where(revocations.c.forget_at < now))


def ring(tx: Tx, purpose: str) -> list[tuple[str, datetime]]:
    """(secret, time it was made) of the keys for "token" or "credential", newest first."""
    query = sa.select(keys.c.secret, keys.c.created_at).where(keys.c.purpose == purpose).order_by(keys.c.id.desc())
    return [(row["secret"], row["created_at"]) for row in tx.all(query)]


def add_key(tx: Tx, purpose: str, secret: str, now: datetime) -> None:
    tx.execute(sa.insert(keys).values(purpose=purpose, secret=secret, created_at=now))


def drop_keys(tx: Tx, purpose: str, secrets: Iterable[str]) -> None:
    tx.execute(sa.delete(keys).where(keys.c.purpose == purpose, keys.c.secret.in_(list(secrets))))


def bump(tx: Tx) -> None:
    """Make every process look again before it trusts what it knows of tokens, roles or the catalog."""
    if tx.count(sa.update(epochs).where(epochs.c.id == 1).values(value=epochs.c.value + 1)) == 0:
        upsert(tx, epochs, {"id": 1, "value": 1}, ["id"])


def _read(tx: Tx) -> int:
    return int(tx.scalar(sa.select(epochs.c.value).where(epochs.c.id == 1)) or 0)


class Epoch:
    """The epoch as the database has it now, read on every request.

    SQLite: a connection of its own asks for one row of a cached page, 4 µs; a hop to a database thread and back
    would cost twenty times as much. PostgreSQL: one read at a time for all requests that wait for it.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lite: sqlite3.Connection | None = None
        self._next: asyncio.Task[int] | None = None
        self._running: asyncio.Task[int] | None = None

    async def value(self) -> int:
        if self._db.url.get_backend_name() == "sqlite":
            return self._value_lite()
        return await self._value_shared()

    def _value_lite(self) -> int:
        if self._lite is None:
            self._lite = sqlite3.connect(str(self._db.url.database), check_same_thread=False, isolation_level=None)
            self._lite.execute("PRAGMA query_only=ON")
        row: Any = self._lite.execute("SELECT value FROM identity_epochs WHERE id = 1").fetchone()
        return 0 if row is None else int(row[0])

    async def _value_shared(self) -> int:
        # A read that began before this request may have missed a commit this request must see: wait for the next.
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._read_after(self._running))
        return await asyncio.shield(self._next)

    async def _read_after(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._db.read(_read)

    def close(self) -> None:
        if self._lite is not None:
            self._lite.close()
            self._lite = None
