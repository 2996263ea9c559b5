"""Subnets: the project's own, and those of networks that are shared with everybody."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import SubnetNotFound
from unkai.network.model import EVERYTHING, HostRoute, Listing, Pool, Subnet
from unkai.network.store import common, listing
from unkai.network.store import tables as t

_s = t.subnets.c
_network = t.networks.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.subnets),
    **{
        name: _s[name]
        for name in (
            "network_id",
            "ip_version",
            "cidr",
            "gateway_ip",
            "enable_dhcp",
            "ipv6_ra_mode",
            "ipv6_address_mode",
            "subnetpool_id",
        )
    },
}
_QUERY = sa.select(
    t.subnets, _network.project_id.label("network_project_id"), _network.shared.label("network_shared")
).join_from(t.subnets, t.networks, _s.network_id == _network.id)


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """A project sees its own subnets, those on its networks and those of shared networks."""
    if scope.kind == "system":
        return sa.true()
    if scope.kind == "project":
        return sa.or_(_s.project_id == scope.id, _network.project_id == scope.id, _network.shared)
    return sa.false()


def subnets(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[Subnet]:
    rows = listing.rows(
        tx,
        _QUERY.where(visible(scope)),
        wanted,
        COLUMNS | {"shared": _network.shared, "router:external": _network.external},
        listing.tag_filters(_s.id),
        lambda id: SubnetNotFound(id=id),
    )
    return _build(tx, rows)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Subnet]:
    rows = tx.all(_QUERY.where(visible(scope), _s.id.in_(list(ids))))
    return {subnet.id: subnet for subnet in _build(tx, rows)}


def by_networks(tx: Tx, scope: Scope, network_ids: Iterable[str]) -> dict[str, list[Subnet]]:
    """The subnets of networks, oldest first."""
    rows = tx.all(_QUERY.where(visible(scope), _s.network_id.in_(list(network_ids))).order_by(_s.created_at, _s.id))
    found: dict[str, list[Subnet]] = {}
    for subnet in _build(tx, rows):
        found.setdefault(subnet.network_id, []).append(subnet)
    return found


def on_network(tx: Tx, scope: Scope, network_id: str) -> list[Subnet]:
    return by_networks(tx, scope, [network_id]).get(network_id, [])


def get(tx: Tx, scope: Scope, id: str) -> Subnet:
    """Raises SubnetNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise SubnetNotFound(id=id)
    return found[id]


def of_pool(tx: Tx, pool_id: str) -> list[tuple[str, str]]:
    """Project and CIDR of each subnet that was cut from a pool."""
    rows = tx.all(sa.select(_s.project_id, _s.cidr).where(_s.subnetpool_id == pool_id))
    return [(row["project_id"], row["cidr"]) for row in rows]


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Subnet]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    tags = common.tags_of(tx, ids)
    return [
        Subnet(
            **{
                **row,
                "allocation_pools": msgspec.convert(row["allocation_pools"], list[Pool]),
                "host_routes": msgspec.convert(row["host_routes"], list[HostRoute]),
            },
            tags=tags.get(row["id"], []),
        )
        for row in rows
    ]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.subnets, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.subnets, id, values)


def delete(tx: Tx, id: str) -> None:
    common.delete(tx, t.subnets, id)


def hold(tx: Tx, id: str) -> None:
    common.hold_row(tx, t.subnets, id)
