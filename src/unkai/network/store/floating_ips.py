"""Floating IPs. Each keeps its address by a port of its own on the external network."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx
from unkai.network.errors import FloatingIPNotFound
from unkai.network.model import EVERYTHING, FloatingIp, Listing, PortDetails
from unkai.network.store import common, listing
from unkai.network.store import tables as t

_f = t.floating_ips.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **{name: column for name, column in listing.standard(t.floating_ips).items() if name != "name"},
    **{
        name: _f[name]
        for name in (
            "floating_network_id",
            "floating_ip_address",
            "port_id",
            "fixed_ip_address",
            "router_id",
            "status",
        )
    },
}


def floating_ips(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[FloatingIp]:
    rows = listing.rows(
        tx,
        restrict(sa.select(t.floating_ips), scope, _f.project_id),
        wanted,
        COLUMNS,
        listing.tag_filters(_f.id),
        lambda id: FloatingIPNotFound(id=id),
    )
    return _build(tx, rows)


def get(tx: Tx, scope: Scope, id: str) -> FloatingIp:
    """Raises FloatingIPNotFound."""
    rows = tx.all(restrict(sa.select(t.floating_ips).where(_f.id == id), scope, _f.project_id))
    if not rows:
        raise FloatingIPNotFound(id=id)
    return _build(tx, rows)[0]


def by_ports(tx: Tx, scope: Scope, port_ids: Iterable[str]) -> dict[str, list[FloatingIp]]:
    """Floating IPs by the port they lead to."""
    query = sa.select(t.floating_ips).where(_f.port_id.in_(list(port_ids))).order_by(_f.created_at, _f.id)
    found: dict[str, list[FloatingIp]] = {}
    for one in _build(tx, tx.all(restrict(query, scope, _f.project_id))):
        found.setdefault(str(one.port_id), []).append(one)
    return found


def by_routers(tx: Tx, scope: Scope, router_ids: Iterable[str]) -> dict[str, list[FloatingIp]]:
    query = sa.select(t.floating_ips).where(_f.router_id.in_(list(router_ids))).order_by(_f.created_at, _f.id)
    found: dict[str, list[FloatingIp]] = {}
    for one in _build(tx, tx.all(restrict(query, scope, _f.project_id))):
        found.setdefault(str(one.router_id), []).append(one)
    return found


def other_on(tx: Tx, network_id: str, port_id: str, fixed_ip: str, id: str) -> bool:
    """Whether another floating IP of the external network already leads to the fixed address."""
    query = sa.select(_f.id).where(
        _f.floating_network_id == network_id, _f.port_id == port_id, _f.fixed_ip_address == fixed_ip, _f.id != id
    )
    return tx.scalar(query) is not None


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[FloatingIp]:
    if not rows:
        return []
    tags = common.tags_of(tx, [row["id"] for row in rows])
    names = ("name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")
    port = t.ports.c
    details = {
        row["id"]: PortDetails(**{name: row[name] for name in names})
        for row in tx.all(
            sa.select(port.id, *(port[name] for name in names)).where(
                port.id.in_([row["port_id"] for row in rows if row["port_id"]])
            )
        )
    }
    return [
        FloatingIp(**row, port_details=details.get(row["port_id"] or ""), tags=tags.get(row["id"], [])) for row in rows
    ]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.floating_ips, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.floating_ips, id, values)


def delete(tx: Tx, id: str) -> None:
    common.delete(tx, t.floating_ips, id)


def hold(tx: Tx, id: str) -> None:
    common.hold_row(tx, t.floating_ips, id)
