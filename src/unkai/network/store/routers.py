"""Routers. Their interfaces and gateways are ports; the gateway's port is named in the router's row."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx
from unkai.network.errors import RouterNotFound
from unkai.network.model import EVERYTHING, NOT_ATTACHED, ROUTER_INTERFACE, Gateway, HostRoute, Listing, Router
from unkai.network.store import addresses, common, listing
from unkai.network.store import tables as t

_r = t.routers.c
_p = t.ports.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.routers),
    "admin_state_up": _r.admin_state_up,
    "status": _r.status,
}


def routers(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[Router]:
    rows = listing.rows(
        tx,
        restrict(sa.select(t.routers), scope, _r.project_id),
        wanted,
        COLUMNS,
        listing.tag_filters(_r.id),
        lambda id: RouterNotFound(id=id),
    )
    return _build(tx, rows)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Router]:
    query = restrict(sa.select(t.routers).where(_r.id.in_(list(ids))), scope, _r.project_id)
    return {router.id: router for router in _build(tx, tx.all(query))}


def get(tx: Tx, scope: Scope, id: str) -> Router:
    """Raises RouterNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise RouterNotFound(id=id)
    return found[id]


def on_subnet(tx: Tx, subnet_id: str, external_network_id: str) -> str | None:
    """The router with an interface on a subnet and its gateway on an external network.

    The router whose interface is the subnet's own gateway comes first: guests send there.
    """
    gateway = t.ports.alias()
    a, s = t.addresses.c, t.subnets.c
    found: str | None = tx.scalar(
        sa.select(_r.id)
        .join_from(
            t.routers,
            t.ports,
            sa.and_(_p.device_id == _r.id, _p.device_owner == ROUTER_INTERFACE, _p.position > NOT_ATTACHED),
        )
        .join(t.addresses, a.port_id == _p.id)
        .join(t.subnets, s.id == a.subnet_id)
        .join(gateway, gateway.c.id == _r.gateway_port_id)
        .where(a.subnet_id == subnet_id, gateway.c.network_id == external_network_id)
        .order_by(sa.case((a.ip_address == s.gateway_ip, 0), else_=1), _r.id)
        .limit(1)
    )
    return found


def ids_at_subnet(tx: Tx, subnet_id: str) -> list[str]:
    """Routers with an interface or a gateway on a subnet."""
    a = t.addresses.c
    query = (
        sa.select(_p.device_id)
        .join_from(t.ports, t.addresses, a.port_id == _p.id)
        .where(a.subnet_id == subnet_id, _p.device_owner.startswith("network:router_"), _p.position > NOT_ATTACHED)
        .distinct()
    )
    return list(tx.scalars(query))


def ids_with_gateway(tx: Tx) -> list[str]:
    return list(tx.scalars(sa.select(_r.id).where(_r.gateway_port_id.is_not(None))))


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Router]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    tags = common.tags_of(tx, ids)
    gateways = [row["gateway_port_id"] for row in rows if row["gateway_port_id"]]
    fixed = addresses.by_ports(tx, gateways)
    networks = {
        row["id"]: row["network_id"] for row in tx.all(sa.select(_p.id, _p.network_id).where(_p.id.in_(gateways)))
    }
    return [
        Router(
            **{**row, "routes": msgspec.convert(row["routes"], list[HostRoute])},
            external_gateway_info=None
            if row["gateway_port_id"] is None
            else Gateway(networks[row["gateway_port_id"]], row["enable_snat"], fixed.get(row["gateway_port_id"], [])),
            tags=tags.get(row["id"], []),
        )
        for row in rows
    ]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.routers, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.routers, id, values)


def delete(tx: Tx, id: str) -> None:
    common.delete(tx, t.routers, id)


def hold(tx: Tx, id: str) -> None:
    common.hold_row(tx, t.routers, id)
