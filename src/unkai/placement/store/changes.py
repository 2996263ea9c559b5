"""The change log: which providers changed since an index last looked, without missing a late commit.

SQLite has one writer, so sequence order is commit order and a position in it is enough. On PostgreSQL a
transaction may commit after one that took a later number: each row carries its transaction's id, and a reader
comes back to everything from the oldest transaction that was still running when it last looked.
"""

import weakref
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from unkai.kernel.columns import db_now
from unkai.kernel.store import Tx
from unkai.placement.store.tables import changes

# How long lines are kept. A reader that slept longer than half of it reads everything again.
KEEP_SECONDS = 3600

# Transactions that wrote to the ledger: what they read is not committed yet and must not enter an index.
_dirty: weakref.WeakSet[Tx] = weakref.WeakSet()


class Position(msgspec.Struct, frozen=True):
    """How far a reader has read: a sequence number, a transaction (PostgreSQL) and the database's time (us)."""

    seq: int
    tx: int
    at: int


class _this_tx(sa.sql.functions.GenericFunction[int]):  # noqa: N801 - reads as the SQL function it is
    type = sa.BigInteger()
    inherit_cache = True
    name = "unkai_this_tx"


class _oldest_tx(sa.sql.functions.GenericFunction[int]):  # noqa: N801
    type = sa.BigInteger()
    inherit_cache = True
    name = "unkai_oldest_tx"


@compiles(_this_tx, "postgresql")
def _postgresql_this(element: Any, compiler: Any, **kw: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(_oldest_tx, "postgresql")
def _postgresql_oldest(element: Any, compiler: Any, **kw: Any) -> str:
    return "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"


@compiles(_this_tx, "sqlite")
@compiles(_oldest_tx, "sqlite")
def _sqlite_none(element: Any, compiler: Any, **kw: Any) -> str:
    return "0"


_insert = sa.insert(changes).values(provider_id=sa.bindparam("provider"), tx=_this_tx(), at=db_now())


def record(tx: Tx, provider_ids: Iterable[int]) -> None:
    """Note that these providers changed in this transaction."""
    rows = [{"provider": one} for one in sorted(set(provider_ids))]
    if rows:
        tx.execute(_insert, rows)
        _dirty.add(tx)


def is_dirty(tx: Tx) -> bool:
    """Whether this transaction has written to the ledger itself."""
    return tx in _dirty


_position = sa.select(
    sa.func.coalesce(sa.func.max(changes.c.seq), 0).label("seq"), _oldest_tx().label("tx"), db_now().label("at")
)


def position(tx: Tx) -> Position:
    """Where the log ends now."""
    row = tx.first(_position)
    assert row is not None
    return Position(int(row["seq"]), int(row["tx"]), int(row["at"]))


def since(tx: Tx, last: Position) -> tuple[Position, list[int] | None]:
    """The providers that changed after `last`, or None when the log no longer reaches back that far."""
    now = position(tx)
    if now.at - last.at > KEEP_SECONDS * 500_000:
        return now, None
    if tx.dialect == "postgresql":
        condition = changes.c.tx >= last.tx
    else:
        if now.seq <= last.seq:
            # Nothing new, or this transaction's view is older than what was already read.
            return msgspec.structs.replace(last, at=now.at), []
        condition = changes.c.seq > last.seq
    return now, list(tx.scalars(sa.select(changes.c.provider_id).where(condition).distinct()))


def prune(tx: Tx) -> int:
    """Drop old lines, but not the last one: where the log ends must not be forgotten. Returns how many."""
    last = sa.select(sa.func.max(changes.c.seq)).scalar_subquery()
    old = changes.c.at < db_now() - sa.literal(KEEP_SECONDS * 1_000_000, sa.BigInteger)
    return tx.count(sa.delete(changes).where(old, changes.c.seq < last))
