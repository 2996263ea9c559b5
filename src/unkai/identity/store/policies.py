"""Policy blobs. They belong to the cloud: no scope."""

from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Listing, PolicyBlob
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import policies
from unkai.kernel.store import Tx

_COLUMNS: Columns = {"id": policies.c.id, "type": policies.c.type}


def _policy(row: Row) -> PolicyBlob:
    return PolicyBlob(id=row["id"], type=row["type"], blob=row["blob"], extra=row["extra"])


def get(tx: Tx, policy_id: str) -> PolicyBlob | None:
    row = tx.first(sa.select(policies).where(policies.c.id == policy_id))
    return None if row is None else _policy(row)


def listed(tx: Tx, listing: Listing) -> tuple[list[PolicyBlob], bool]:
    rows, more = page(tx, sa.select(policies), listing, _COLUMNS, policies.c.id)
    return [_policy(row) for row in rows], more


def insert(tx: Tx, new: PolicyBlob) -> None:
    writing.insert(tx, policies, {"id": new.id, "type": new.type, "blob": new.blob, "extra": new.extra})


def update(tx: Tx, policy_id: str, **values: Any) -> None:
    if values:
        tx.execute(sa.update(policies).where(policies.c.id == policy_id).values(**values))


def delete(tx: Tx, policy_id: str) -> None:
    tx.execute(sa.delete(policies).where(policies.c.id == policy_id))
