"""Routers: their ports, routes and address translation."""

import hashlib
from ipaddress import ip_address, ip_network

from unkai.network.model import ROUTER_GATEWAY, FixedIp, Port
from unkai.network.model import Router as RouterRow
from unkai.network.ovn.facts import Facts
from unkai.network.ovn.model import Nat, Router, RouterPort, StaticRoute
from unkai.network.ovn.ports import router_port_name

_MODES = {
    "slaac": "slaac",
    "dhcpv6-stateful": "dhcpv6_stateful",
    "dhcpv6-stateless": "dhcpv6_stateless",
}
_MOST_CHASSIS = 5


def router(facts: Facts, row: RouterRow) -> Router:
    theirs = facts.by_router.get(row.id, [])
    return Router(
        id=row.id,
        enabled=row.admin_state_up,
        options={"always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true"},
        notes={"neutron:router_name": row.name},
        ports=tuple(sorted(_port(facts, row, port) for port in theirs if port.fixed_ips)),
        routes=tuple(sorted(_routes(facts, row, theirs))),
        nats=tuple(sorted(_nats(facts, row, theirs))),
    )


def chassis_for(router_id: str, candidates: list[str]) -> tuple[str, ...]:
    """Who carries a gateway, best first: spread over the chassis, and the same for as long as they are the same."""

    def weight(chassis: str) -> str:
        return hashlib.sha256(f"{router_id}/{chassis}".encode()).hexdigest()

    return tuple(sorted(candidates, key=weight)[:_MOST_CHASSIS])


def _port(facts: Facts, row: RouterRow, port: Port) -> RouterPort:
    addresses = [
        f"{fixed.ip_address}/{ip_network(facts.subnets[fixed.subnet_id].cidr).prefixlen}" for fixed in port.fixed_ips
    ]
    gateway = port.device_owner == ROUTER_GATEWAY
    return RouterPort(
        id=port.id,
        mac=port.mac_address,
        addresses=tuple(sorted(addresses)),
        advertisements=() if gateway else _advertisements(facts, port),
        chassis=chassis_for(row.id, facts.chassis) if gateway else (),
    )


def _advertisements(facts: Facts, port: Port) -> tuple[tuple[str, str], ...]:
    """IPv6 router advertisements: what the subnets of the port say; the first with a mode decides it."""
    theirs = [facts.subnets[fixed.subnet_id] for fixed in port.fixed_ips]
    mode = next((subnet.ipv6_ra_mode for subnet in theirs if subnet.ipv6_ra_mode), None)
    if mode is None:
        return ()
    found = {
        "address_mode": _MODES[mode],
        "send_periodic": "true",
        "mtu": str(facts.networks[port.network_id].mtu),
    }
    servers = [server for subnet in theirs if subnet.ip_version == 6 for server in subnet.dns_nameservers]
    if servers:
        found["rdnss"] = servers[0]
    return tuple(sorted(found.items()))


def _routes(facts: Facts, row: RouterRow, theirs: list[Port]) -> list[StaticRoute]:
    found = [StaticRoute(str(ip_network(route.destination, strict=False)), route.nexthop) for route in row.routes]
    for port in theirs:
        if port.device_owner != ROUTER_GATEWAY:
            continue
        for fixed in port.fixed_ips:
            subnet = facts.subnets[fixed.subnet_id]
            if subnet.gateway_ip is not None:
                prefix = "0.0.0.0/0" if subnet.ip_version == 4 else "::/0"
                found.append(StaticRoute(prefix, subnet.gateway_ip, router_port_name(port.id)))
    return found


def _nats(facts: Facts, row: RouterRow, theirs: list[Port]) -> list[Nat]:
    found = [
        Nat("dnat_and_snat", one.floating_ip_address, str(one.fixed_ip_address), one.id)
        for one in facts.floating.get(row.id, [])
        if one.fixed_ip_address is not None
    ]
    outside = next((fixed for port in theirs if port.device_owner == ROUTER_GATEWAY for fixed in _four(port)), None)
    if outside is None or not row.enable_snat:
        return found
    inside = {
        facts.subnets[fixed.subnet_id].cidr
        for port in theirs
        if port.device_owner != ROUTER_GATEWAY
        for fixed in _four(port)
    }
    return found + [Nat("snat", outside.ip_address, cidr) for cidr in inside]


def _four(port: Port) -> list[FixedIp]:
    return [fixed for fixed in port.fixed_ips if ip_address(fixed.ip_address).version == 4]
