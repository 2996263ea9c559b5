"""Networks: the project's own, and those that are shared or external."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import NetworkNotFound
from unkai.network.model import EVERYTHING, Listing, Network
from unkai.network.store import common, listing
from unkai.network.store import tables as t
from unkai.network.store.common import tags_of

_n = t.networks.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.networks),
    "admin_state_up": _n.admin_state_up,
    "status": _n.status,
    "shared": _n.shared,
    "router:external": _n.external,
    "is_default": _n.is_default,
    "mtu": _n.mtu,
    "port_security_enabled": _n.port_security_enabled,
    "provider:network_type": _n.network_type,
    "provider:physical_network": _n.physical_network,
    "provider:segmentation_id": _n.segmentation_id,
}
_FIELDS = tuple(column for column in t.networks.c if column.name != "segment")


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """A project sees its own networks, shared and external ones."""
    if scope.kind == "system":
        return sa.true()
    if scope.kind == "project":
        return sa.or_(_n.project_id == scope.id, _n.shared, _n.external)
    return sa.false()


def networks(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[Network]:
    rows = listing.rows(
        tx,
        sa.select(*_FIELDS).where(visible(scope)),
        wanted,
        COLUMNS,
        listing.tag_filters(_n.id) | {"subnets": _with_subnet},
        lambda id: NetworkNotFound(id=id),
    )
    return _build(tx, rows)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Network]:
    rows = tx.all(sa.select(*_FIELDS).where(visible(scope), _n.id.in_(list(ids))))
    return {network.id: network for network in _build(tx, rows)}


def get(tx: Tx, scope: Scope, id: str) -> Network:
    """Raises NetworkNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise NetworkNotFound(id=id)
    return found[id]


def segments_taken(tx: Tx, network_type: str, physical_network: str | None, first: int, last: int) -> set[int]:
    """Segmentation ids in use within a range."""
    return set(
        tx.scalars(
            sa.select(_n.segmentation_id).where(
                _n.network_type == network_type,
                _n.physical_network == physical_network if physical_network else _n.physical_network.is_(None),
                _n.segmentation_id.between(first, last),
            )
        )
    )


def free_tunnel_id(tx: Tx, first: int, last: int) -> int | None:
    """The lowest tunnel id of the range that no network has."""
    other = t.networks.alias()
    if tx.scalar(sa.select(_n.id).where(_n.network_type == "geneve", _n.segmentation_id == first)) is None:
        return first
    after = tx.scalar(
        sa.select(sa.func.min(_n.segmentation_id) + 1).where(
            _n.network_type == "geneve",
            _n.segmentation_id.between(first, last - 1),
            ~sa.exists().where(other.c.network_type == "geneve", other.c.segmentation_id == _n.segmentation_id + 1),
        )
    )
    return None if after is None else int(after)


def on_segment(tx: Tx, segment: str) -> str | None:
    """The network on a segment."""
    found: str | None = tx.scalar(sa.select(_n.id).where(_n.segment == segment))
    return found


def _with_subnet(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    return sa.exists().where(t.subnets.c.network_id == _n.id, t.subnets.c.id.in_(values))


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Network]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    tags = tags_of(tx, ids)
    subnets = listing.grouped(
        tx.all(
            sa.select(t.subnets.c.network_id, t.subnets.c.id)
            .where(t.subnets.c.network_id.in_(ids))
            .order_by(t.subnets.c.created_at, t.subnets.c.id)
        ),
        "network_id",
        "id",
    )
    return [Network(**row, subnets=subnets.get(row["id"], []), tags=tags.get(row["id"], [])) for row in rows]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.networks, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.networks, id, values)


def delete(tx: Tx, id: str) -> None:
    common.delete(tx, t.networks, id)


def hold(tx: Tx, id: str) -> None:
    common.hold_row(tx, t.networks, id)
