"""Ports with their addresses and security groups."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import PortNotFound
from unkai.network.model import EVERYTHING, NOT_ATTACHED, AddressPair, DhcpOption, Listing, Port
from unkai.network.store import addresses, common, listing
from unkai.network.store import tables as t

_p = t.ports.c
_network = t.networks.c

COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.ports),
    **{
        name: _p[name]
        for name in (
            "network_id",
            "mac_address",
            "admin_state_up",
            "status",
            "device_id",
            "device_owner",
            "port_security_enabled",
        )
    },
    "binding:host_id": _p.host,
    "binding:vnic_type": _p.vnic_type,
}
_QUERY = sa.select(
    t.ports, _network.project_id.label("network_project_id"), _network.shared.label("network_shared")
).join_from(t.ports, t.networks, _p.network_id == _network.id)


def visible(scope: Scope) -> sa.ColumnElement[bool]:
    """A project sees its own ports and all ports on its networks."""
    if scope.kind == "system":
        return sa.true()
    if scope.kind == "project":
        return sa.or_(_p.project_id == scope.id, _network.project_id == scope.id)
    return sa.false()


def ports(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[Port]:
    rows = listing.rows(
        tx,
        _QUERY.where(visible(scope)),
        wanted,
        COLUMNS,
        listing.tag_filters(_p.id) | {"fixed_ips": _with_fixed_ips, "security_groups": _in_groups},
        lambda id: PortNotFound(id=id),
    )
    return _build(tx, rows)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Port]:
    rows = tx.all(_QUERY.where(visible(scope), _p.id.in_(list(ids))))
    return {port.id: port for port in _build(tx, rows)}


def get(tx: Tx, scope: Scope, id: str) -> Port:
    """Raises PortNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise PortNotFound(id=id)
    return found[id]


def by_devices(tx: Tx, scope: Scope, device_ids: Iterable[str], owner_prefix: str = "") -> dict[str, list[Port]]:
    """Ports that the cloud gave to devices (servers, routers), in the order of their interfaces."""
    query = _QUERY.where(visible(scope), _p.device_id.in_(list(device_ids)), _p.position > NOT_ATTACHED)
    if owner_prefix:
        query = query.where(_p.device_owner.startswith(owner_prefix, autoescape=True))
    rows = tx.all(query.order_by(_p.position, _p.created_at, _p.id))
    found: dict[str, list[Port]] = {}
    for port in _build(tx, rows):
        found.setdefault(port.device_id, []).append(port)
    return found


def devices(tx: Tx, owner_prefix: str) -> list[str]:
    """Devices that have ports made for them."""
    theirs = _p.device_owner.startswith(owner_prefix, autoescape=True)
    return list(tx.scalars(sa.select(_p.device_id).where(theirs, _p.owned_by_device.is_(True)).distinct()))


def on_network(tx: Tx, scope: Scope, network_id: str) -> list[Port]:
    return _build(tx, tx.all(_QUERY.where(visible(scope), _p.network_id == network_id).order_by(_p.created_at, _p.id)))


def ids_where(tx: Tx, *conditions: sa.ColumnElement[bool]) -> list[str]:
    return list(tx.scalars(sa.select(_p.id).where(*conditions)))


def ids_in_group(tx: Tx, group_id: str) -> list[str]:
    group = t.port_groups.c
    return list(tx.scalars(sa.select(group.port_id).where(group.security_group_id == group_id)))


def ids_on_networks(tx: Tx, network_ids: Iterable[str]) -> list[str]:
    return ids_where(tx, _p.network_id.in_(list(network_ids)))


def mac_taken(tx: Tx, network_id: str, mac: str) -> bool:
    return tx.scalar(sa.select(_p.id).where(_p.network_id == network_id, _p.mac_address == mac)) is not None


def _with_fixed_ips(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Values such as "subnet_id=X" and "ip_address=Y": different names must all hold, for one name any value."""
    by_name: dict[str, list[str]] = {}
    for text in values:
        name, _, value = str(text).partition("=")
        by_name.setdefault(name, []).append(value)
    known = ("subnet_id", "ip_address", "ip_address_substr")
    return sa.and_(*(addresses.matching(name, found) for name, found in by_name.items() if name in known))


def _in_groups(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    group = t.port_groups.c
    return sa.exists().where(group.port_id == _p.id, group.security_group_id.in_(values))


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Port]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    tags = common.tags_of(tx, ids)
    fixed = addresses.by_ports(tx, ids)
    group = t.port_groups.c
    groups = listing.grouped(
        tx.all(
            sa.select(group.port_id, group.security_group_id)
            .where(group.port_id.in_(ids))
            .order_by(group.port_id, group.security_group_id)
        ),
        "port_id",
        "security_group_id",
    )
    return [
        Port(
            **{
                **row,
                "allowed_address_pairs": msgspec.convert(row["allowed_address_pairs"], list[AddressPair]),
                "extra_dhcp_opts": msgspec.convert(row["extra_dhcp_opts"], list[DhcpOption]),
            },
            fixed_ips=fixed.get(row["id"], []),
            security_groups=groups.get(row["id"], []),
            tags=tags.get(row["id"], []),
        )
        for row in rows
    ]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.ports, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.ports, id, values)


def set_groups(tx: Tx, port_id: str, group_ids: Iterable[str]) -> None:
    tx.execute(sa.delete(t.port_groups).where(t.port_groups.c.port_id == port_id))
    rows = [{"port_id": port_id, "security_group_id": id} for id in sorted(set(group_ids))]
    if rows:
        tx.execute(sa.insert(t.port_groups), rows)


def delete(tx: Tx, ids: Sequence[str]) -> None:
    """Delete ports with their addresses, memberships and tags."""
    addresses.take_back(tx, ids)
    tx.execute(sa.delete(t.port_groups).where(t.port_groups.c.port_id.in_(ids)))
    tx.execute(sa.delete(t.tags).where(t.tags.c.resource_id.in_(ids)))
    tx.execute(sa.delete(t.ports).where(_p.id.in_(ids)))


def set_status(tx: Tx, ids: Sequence[str], status: str) -> list[str]:
    """What the network says about ports. Returns those that changed. No revision: nobody asked for it."""
    changed = list(tx.scalars(sa.select(_p.id).where(_p.id.in_(ids), _p.status != status)))
    if changed:
        tx.execute(sa.update(t.ports).where(_p.id.in_(changed)).values(status=status))
    return changed


def topic(id: str) -> str:
    """The bell that rings when a port's status changes."""
    return f"port:{id}"


def statuses(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    rows = tx.all(sa.select(_p.id, _p.status).where(_p.id.in_(list(ids))))
    return {row["id"]: row["status"] for row in rows}
