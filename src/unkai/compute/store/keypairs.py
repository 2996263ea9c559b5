"""Statements on key pairs. They belong to users, not to projects: every verb names the user instead of a scope."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from unkai.compute.store.tables import keypairs
from unkai.kernel.clock import utcnow
from unkai.kernel.store import Tx


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is "ssh" or "x509"; `public_key` is what the guest is given. The private key is never kept."""

    id: int = 0
    user_id: str
    name: str
    type: str
    fingerprint: str
    public_key: str
    created_at: datetime | None = None


def get(tx: Tx, user_id: str, name: str) -> KeyPair | None:
    row = tx.first(sa.select(keypairs).where(keypairs.c.user_id == user_id, keypairs.c.name == name))
    return None if row is None else _keypair(row)


def listing(tx: Tx, user_id: str, after: str | None, limit: int | None) -> list[KeyPair]:
    """By name, from the one after `after` on."""
    query = sa.select(keypairs).where(keypairs.c.user_id == user_id).order_by(keypairs.c.name)
    if after is not None:
        query = query.where(keypairs.c.name > after)
    return [_keypair(row) for row in tx.all(query if limit is None else query.limit(limit))]


def insert(tx: Tx, keypair: KeyPair) -> KeyPair:
    values = {name: getattr(keypair, name) for name in KeyPair.__struct_fields__ if name not in ("id", "created_at")}
    created = utcnow()
    result = tx.execute(sa.insert(keypairs).values(**values, created_at=created).returning(keypairs.c.id))
    return msgspec.structs.replace(keypair, id=result.scalar_one(), created_at=created)


def delete(tx: Tx, user_id: str, name: str) -> int:
    return tx.count(sa.delete(keypairs).where(keypairs.c.user_id == user_id, keypairs.c.name == name))


def count(tx: Tx, user_id: str) -> int:
    return int(tx.scalar(sa.select(sa.func.count()).select_from(keypairs).where(keypairs.c.user_id == user_id)))


def _keypair(row: sa.RowMapping) -> KeyPair:
    return KeyPair(**{name: row[name] for name in KeyPair.__struct_fields__})
