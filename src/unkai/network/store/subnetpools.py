"""Subnet pools: the project's own and shared ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import SubnetPoolNotFound
from unkai.network.model import EVERYTHING, Listing, SubnetPool
from unkai.network.store import common, listing
from unkai.network.store import tables as t

_p = t.subnetpools.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.subnetpools),
    **{
        name: _p[name]
        for name in (
            "ip_version",
            "min_prefixlen",
            "max_prefixlen",
            "default_prefixlen",
            "default_quota",
            "shared",
            "is_default",
        )
    },
}


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    if scope.kind == "system":
        return sa.true()
    if scope.kind == "project":
        return sa.or_(_p.project_id == scope.id, _p.shared)
    return sa.false()


def subnetpools(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[SubnetPool]:
    rows = listing.rows(
        tx,
        sa.select(t.subnetpools).where(visible(scope)),
        wanted,
        COLUMNS,
        listing.tag_filters(_p.id),
        lambda id: SubnetPoolNotFound(id=id),
    )
    return _build(tx, rows)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, SubnetPool]:
    rows = tx.all(sa.select(t.subnetpools).where(visible(scope), _p.id.in_(list(ids))))
    return {pool.id: pool for pool in _build(tx, rows)}


def get(tx: Tx, scope: Scope, id: str) -> SubnetPool:
    """Raises SubnetPoolNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise SubnetPoolNotFound(id=id)
    return found[id]


def default(tx: Tx, ip_version: int) -> str | None:
    """The pool that subnets of a version come from when none is named."""
    found: str | None = tx.scalar(sa.select(_p.id).where(_p.is_default, _p.ip_version == ip_version))
    return found


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[SubnetPool]:
    if not rows:
        return []
    tags = common.tags_of(tx, [row["id"] for row in rows])
    return [SubnetPool(**row, tags=tags.get(row["id"], [])) for row in rows]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.subnetpools, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.subnetpools, id, values)


def delete(tx: Tx, id: str) -> None:
    common.delete(tx, t.subnetpools, id)


def hold(tx: Tx, id: str) -> None:
    common.hold_row(tx, t.subnetpools, id)
