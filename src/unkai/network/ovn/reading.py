"""Rows back into objects: what the database really has of ours. The opposite of `writing`."""

from collections.abc import Iterable, Iterator
from typing import Any

from unkai.network.ovn.model import (
    Acl,
    DhcpOptions,
    Group,
    Localnet,
    Nat,
    North,
    Router,
    RouterPort,
    StaticRoute,
    Switch,
    SwitchPort,
)
from unkai.network.ovn.rows import MARK, OWN_PORT, Rows
from unkai.network.ovn.writing import FLOATING_IP, RULE, localnet_name


def read(rows: Rows) -> North:
    """Everything that carries our mark."""
    members: dict[Any, list[str]] = {}
    found: North = {}
    for row in _ours(rows.table("Port_Group")):
        group = _group(row)
        found[group.key] = group
        for port in row.ports:
            members.setdefault(port.uuid, []).append(group.id)
    for row in _ours(rows.table("DHCP_Options")):
        options = _dhcp(row)
        found[options.key] = options
    for row in _ours(rows.table("Logical_Switch")):
        switch = _switch(row)
        found[switch.key] = switch
        for port_row in _ours(row.ports):
            port = _port(port_row, switch.id, members.get(port_row.uuid, []))
            found[port.key] = port
    for row in _ours(rows.table("Logical_Router")):
        router = _router(row)
        found[router.key] = router
    return found


def lost_answers(rows: Rows) -> list[Any]:
    """DHCP answers of single ports that no port refers to any more."""
    used = {
        answers.uuid
        for port in rows.table("Logical_Switch_Port")
        for answers in [*port.dhcpv4_options, *port.dhcpv6_options]
    }
    return [row for row in rows.table("DHCP_Options") if OWN_PORT in row.external_ids and row.uuid not in used]


def _ours(rows: Iterable[Any]) -> Iterator[Any]:
    return (row for row in rows if MARK in row.external_ids)


def _notes(row: Any) -> dict[str, str]:
    return {key: value for key, value in row.external_ids.items() if key != MARK}


def _group(row: Any) -> Group:
    acls = (
        Acl(acl.direction, acl.priority, acl.match, acl.action, acl.external_ids.get(RULE, "")) for acl in row.acls
    )
    return Group(id=row.external_ids[MARK], acls=tuple(sorted(acls)))


def _dhcp(row: Any) -> DhcpOptions:
    return DhcpOptions(
        id=row.external_ids.get(MARK, row.external_ids.get("subnet_id")), cidr=row.cidr, options=dict(row.options)
    )


def _switch(row: Any) -> Switch:
    id = row.external_ids[MARK]
    edge = next((port for port in row.ports if port.name == localnet_name(id)), None)
    localnet = None
    if edge is not None:
        localnet = Localnet(edge.options.get("network_name", ""), next(iter(edge.tag), None))
    return Switch(id=id, options=dict(row.other_config), notes=_notes(row), localnet=localnet)


def _port(row: Any, network_id: str, groups: list[str]) -> SwitchPort:
    four, six = next(iter(row.dhcpv4_options), None), next(iter(row.dhcpv6_options), None)
    return SwitchPort(
        id=row.external_ids[MARK],
        network_id=network_id,
        type=row.type,
        addresses=tuple(sorted(row.addresses)),
        port_security=tuple(sorted(row.port_security)),
        enabled=next(iter(row.enabled), True),
        dhcp4=_subnet(four),
        dhcp6=_subnet(six),
        own4=_own(four),
        own6=_own(six),
        options=dict(row.options),
        notes=_notes(row),
        groups=tuple(sorted(groups)),
    )


def _subnet(answers: Any) -> str | None:
    return None if answers is None or MARK not in answers.external_ids else str(answers.external_ids[MARK])


def _own(answers: Any) -> DhcpOptions | None:
    return None if answers is None or OWN_PORT not in answers.external_ids else _dhcp(answers)


def _router(row: Any) -> Router:
    ports = (
        RouterPort(
            id=port.external_ids.get(MARK, port.name),
            mac=port.mac,
            addresses=tuple(sorted(port.networks)),
            options=tuple(sorted(port.options.items())),
            advertisements=tuple(sorted(port.ipv6_ra_configs.items())),
            chassis=tuple(
                entry.chassis_name for entry in sorted(port.gateway_chassis, key=lambda entry: -entry.priority)
            ),
        )
        for port in row.ports
    )
    routes = (StaticRoute(route.ip_prefix, route.nexthop, "".join(route.output_port)) for route in row.static_routes)
    nats = (Nat(nat.type, nat.external_ip, nat.logical_ip, nat.external_ids.get(FLOATING_IP, "")) for nat in row.nat)
    return Router(
        id=row.external_ids[MARK],
        enabled=next(iter(row.enabled), True),
        options=dict(row.options),
        notes=_notes(row),
        ports=tuple(sorted(ports)),
        routes=tuple(sorted(routes)),
        nats=tuple(sorted(nats)),
    )
