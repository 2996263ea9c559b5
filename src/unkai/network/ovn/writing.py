"""Objects into rows, within a transaction of the IDL."""

from typing import Any

from unkai.network.ovn import acls
from unkai.network.ovn.model import (
    DhcpOptions,
    Group,
    Key,
    NorthObject,
    Router,
    RouterPort,
    Switch,
    SwitchPort,
)
from unkai.network.ovn.north import NorthError
from unkai.network.ovn.ports import router_port_name
from unkai.network.ovn.rows import MARK, OWN_PORT, Rows, match, put

FLOATING_IP = "neutron:fip_id"
RULE = "neutron:security_group_rule_id"


def root_name(id: str) -> str:
    """Names of switches and routers, as upstream's."""
    return f"neutron-{id}"


def localnet_name(network_id: str) -> str:
    return f"provnet-{network_id}"


def write(rows: Rows, one: NorthObject) -> None:
    """Make the object so. Raises NorthError."""
    if isinstance(one, Switch):
        _switch(rows, one)
    elif isinstance(one, DhcpOptions):
        _dhcp(rows, one)
    elif isinstance(one, Group):
        _group(rows, one)
    elif isinstance(one, Router):
        _router(rows, one)
    else:
        _port(rows, one)


def remove(rows: Rows, key: Key) -> None:
    """Make the object gone, if it is there."""
    if key.kind == "network":
        row = rows.named("Logical_Switch", root_name(key.id))
    elif key.kind == "router":
        row = rows.named("Logical_Router", root_name(key.id))
    elif key.kind == "security_group":
        row = rows.named("Port_Group", acls.name(key.id))
    elif key.kind == "subnet":
        row = rows.dhcp(key.id)
    else:
        _remove_port(rows, key.id)
        return
    if row is not None:
        row.delete()


def _switch(rows: Rows, one: Switch) -> None:
    name = root_name(one.id)
    row = rows.named("Logical_Switch", name) or rows.insert_named("Logical_Switch", name)
    put(row, other_config=one.options, external_ids={MARK: one.id, **one.notes})
    edge = rows.named("Logical_Switch_Port", localnet_name(one.id))
    if one.localnet is None:
        if edge is not None:
            row.delvalue("ports", edge.uuid)
        return
    if edge is None:
        edge = rows.insert_named("Logical_Switch_Port", localnet_name(one.id))
        row.addvalue("ports", edge.uuid)
    put(
        edge,
        type="localnet",
        addresses=["unknown"],
        options={"network_name": one.localnet.physical_network, "mcast_flood": "false", "mcast_flood_reports": "true"},
        tag=[] if one.localnet.tag is None else [one.localnet.tag],
    )


def _dhcp(rows: Rows, one: DhcpOptions) -> None:
    row = rows.dhcp(one.id) or rows.insert_dhcp(one.id)
    put(row, cidr=one.cidr, options=one.options, external_ids={MARK: one.id, "subnet_id": one.id})


def _group(rows: Rows, one: Group) -> None:
    name = acls.name(one.id)
    row = rows.named("Port_Group", name) or rows.insert_named("Port_Group", name)
    put(row, external_ids={MARK: one.id, "neutron:security_group_id": one.id})
    wanted = {
        (acl.direction, acl.priority, acl.match, acl.rule): {
            "direction": acl.direction,
            "priority": acl.priority,
            "match": acl.match,
            "action": acl.action,
            "external_ids": {RULE: acl.rule} if acl.rule else {},
        }
        for acl in one.acls
    }
    match(
        row,
        "acls",
        wanted,
        rows,
        "ACL",
        lambda acl: (acl.direction, acl.priority, acl.match, acl.external_ids.get(RULE, "")),
    )


def _port(rows: Rows, one: SwitchPort) -> None:
    row = rows.named("Logical_Switch_Port", one.id)
    if row is None:
        switch = rows.named("Logical_Switch", root_name(one.network_id))
        if switch is None:
            raise NorthError(f"port {one.id} refers to network {one.network_id}, which is not there")
        row = rows.insert_named("Logical_Switch_Port", one.id)
        switch.addvalue("ports", row.uuid)
    answers = {
        "dhcpv4_options": _answers(rows, row, "dhcpv4_options", one.id, one.dhcp4, one.own4),
        "dhcpv6_options": _answers(rows, row, "dhcpv6_options", one.id, one.dhcp6, one.own6),
    }
    put(
        row,
        type=one.type,
        addresses=list(one.addresses),
        port_security=list(one.port_security),
        enabled=[one.enabled],
        options=one.options,
        external_ids={MARK: one.id, **one.notes},
        **answers,
    )
    _join(rows, row, one)


def _answers(
    rows: Rows, row: Any, column: str, port_id: str, subnet_id: str | None, own: DhcpOptions | None
) -> list[Any]:
    """The DHCP answers of a port: its subnet's, or its own, whose row it owns."""
    mine = next((one for one in getattr(row, column, []) if one.external_ids.get(OWN_PORT) == port_id), None)
    if own is None:
        if mine is not None:
            mine.delete()
        if subnet_id is None:
            return []
        found = rows.dhcp(subnet_id)
        if found is None:
            raise NorthError(f"port {port_id} refers to subnet {subnet_id}, which is not there")
        return [found]
    if mine is None:
        mine = rows.insert("DHCP_Options")
    put(
        mine,
        cidr=own.cidr,
        options=own.options,
        # No MARK: that is how a subnet's own answers are found.
        external_ids={OWN_PORT: port_id, "subnet_id": own.id, "port_id": port_id},
    )
    return [mine]


def _join(rows: Rows, row: Any, one: SwitchPort) -> None:
    """Be a member of exactly these groups."""
    have = {group.name: group for group in rows.groups_of(row)}
    wanted = {acls.name(id): id for id in one.groups}
    for name, group in have.items():
        if name not in wanted:
            group.delvalue("ports", row.uuid)
    for name, id in wanted.items():
        group = rows.named("Port_Group", name)
        if group is None:
            raise NorthError(f"port {one.id} refers to security_group {id}, which is not there")
        if name not in have:
            group.addvalue("ports", row.uuid)


def _remove_port(rows: Rows, id: str) -> None:
    row = rows.named("Logical_Switch_Port", id)
    if row is None:
        return
    for column in "dhcpv4_options", "dhcpv6_options":
        for answers in getattr(row, column, []):
            if answers.external_ids.get(OWN_PORT) == id:
                answers.delete()
    switch = rows.named("Logical_Switch", row.external_ids.get("neutron:network_name", ""))
    for candidate in rows.table("Logical_Switch") if switch is None else [switch]:
        if any(port.uuid == row.uuid for port in getattr(candidate, "ports", [])):
            candidate.delvalue("ports", row.uuid)


def _router(rows: Rows, one: Router) -> None:
    name = root_name(one.id)
    row = rows.named("Logical_Router", name) or rows.insert_named("Logical_Router", name)
    put(row, enabled=[one.enabled], options=one.options, external_ids={MARK: one.id, **one.notes})
    wanted = {router_port_name(port.id): port for port in one.ports}
    for have in getattr(row, "ports", []):
        if have.name not in wanted:
            row.delvalue("ports", have.uuid)
    for port_name, port in wanted.items():
        _router_port(rows, row, port_name, port)
    routes = {
        (route.prefix, route.nexthop, route.port): {
            "ip_prefix": route.prefix,
            "nexthop": route.nexthop,
            "output_port": [route.port] if route.port else [],
            "external_ids": {"neutron:is_ext_gw": "true"} if route.port else {},
        }
        for route in one.routes
    }
    match(
        row,
        "static_routes",
        routes,
        rows,
        "Logical_Router_Static_Route",
        lambda route: (route.ip_prefix, route.nexthop, "".join(route.output_port)),
    )
    nats = {
        (nat.type, nat.external_ip, nat.logical_ip, nat.floating_ip): {
            "type": nat.type,
            "external_ip": nat.external_ip,
            "logical_ip": nat.logical_ip,
            "external_ids": {FLOATING_IP: nat.floating_ip} if nat.floating_ip else {},
        }
        for nat in one.nats
    }
    match(
        row,
        "nat",
        nats,
        rows,
        "NAT",
        lambda nat: (nat.type, nat.external_ip, nat.logical_ip, nat.external_ids.get(FLOATING_IP, "")),
    )


def _router_port(rows: Rows, router: Any, name: str, port: RouterPort) -> None:
    row = rows.named("Logical_Router_Port", name)
    if row is None:
        row = rows.insert_named("Logical_Router_Port", name)
        router.addvalue("ports", row.uuid)
    put(
        row,
        mac=port.mac,
        networks=list(port.addresses),
        options=dict(port.options),
        ipv6_ra_configs=dict(port.advertisements),
        external_ids={MARK: port.id},
    )
    chassis = {
        f"{name}_{chassis}": {
            "name": f"{name}_{chassis}",
            "chassis_name": chassis,
            "priority": len(port.chassis) - position,
        }
        for position, chassis in enumerate(port.chassis)
    }
    match(row, "gateway_chassis", chassis, rows, "Gateway_Chassis", lambda entry: entry.name)


__all__ = ["FLOATING_IP", "RULE", "localnet_name", "remove", "root_name", "write"]
