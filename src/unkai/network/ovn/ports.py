"""Ports as logical switch ports."""

from ipaddress import ip_address, ip_network

from unkai.kernel.settings import Settings
from unkai.network.model import DISTRIBUTED, FLOATING_IP, ROUTER_GATEWAY, ROUTER_INTERFACE, Port
from unkai.network.ovn import dhcp
from unkai.network.ovn.facts import Facts
from unkai.network.ovn.model import DROP, DhcpOptions, SwitchPort


def switch_port(settings: Settings, facts: Facts, port: Port) -> SwitchPort | None:
    """None for the ports that only keep an address (floating IPs)."""
    if port.serves(FLOATING_IP):
        return None
    if port.serves(ROUTER_INTERFACE, ROUTER_GATEWAY):
        options = {"router-port": router_port_name(port.id)}
        if port.device_owner == ROUTER_GATEWAY:
            # Announce the external addresses when the gateway comes up or moves.
            options |= {"nat-addresses": "router", "exclude-lb-vips-from-garp": "true"}
        return SwitchPort(
            id=port.id,
            network_id=port.network_id,
            type="router",
            addresses=("router",),
            enabled=port.admin_state_up,
            options=options,
            notes=_notes(facts, port),
        )
    own = " ".join([port.mac_address, *(fixed.ip_address for fixed in port.fixed_ips)])
    if port.serves(DISTRIBUTED):
        return SwitchPort(
            id=port.id, network_id=port.network_id, type="localport", addresses=(own,), notes=_notes(facts, port)
        )
    secure = port.port_security_enabled
    macs = sorted({str(pair.mac_address) for pair in port.allowed_address_pairs} - {port.mac_address})
    four, six = _dhcp(settings, facts, port, 4), _dhcp(settings, facts, port, 6)
    own4 = dhcp.own_options(four, port.extra_dhcp_opts, 4)
    own6 = dhcp.own_options(six, port.extra_dhcp_opts, 6)
    return SwitchPort(
        id=port.id,
        network_id=port.network_id,
        # What a port without protection sends is not known: the switch has to ask it for unknown destinations.
        addresses=tuple(sorted([own, *macs, *([] if secure else ["unknown"])])),
        port_security=_security(port, own) if secure else (),
        enabled=port.admin_state_up,
        dhcp4=four.id if four is not None and own4 is None else None,
        dhcp6=six.id if six is not None and own6 is None else None,
        own4=own4,
        own6=own6,
        options={"requested-chassis": port.chassis or port.host} if port.host else {},
        notes=_notes(facts, port),
        groups=tuple(sorted([DROP, *port.security_groups])) if secure else (),
    )


def router_port_name(port_id: str) -> str:
    return f"lrp-{port_id}"


def _security(port: Port, own: str) -> tuple[str, ...]:
    """Source addresses that may leave the port, by MAC: its own, and those of its allowed address pairs."""
    by_mac = {port.mac_address: own.split()[1:]}
    for pair in port.allowed_address_pairs:
        network = ip_network(pair.ip_address, strict=False)
        text = str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
        known = by_mac.setdefault(str(pair.mac_address), [])
        if text not in known:
            known.append(text)
    return tuple(sorted(" ".join([mac, *addresses]) for mac, addresses in by_mac.items()))


def _dhcp(settings: Settings, facts: Facts, port: Port, version: int) -> DhcpOptions | None:
    """The answers for the port's first address of a family."""
    for fixed in port.fixed_ips:
        subnet = facts.subnets[fixed.subnet_id]
        if subnet.ip_version == version:
            network = facts.networks[subnet.network_id]
            found = dhcp.subnet_options(settings, network, subnet, facts.metadata.get(subnet.network_id))
            if found is not None:
                return found
    return None


def _notes(facts: Facts, port: Port) -> dict[str, str]:
    """What hosts read off the port (metadata): upstream's keys."""
    cidrs = []
    for fixed in port.fixed_ips:
        prefix = ip_network(facts.subnets[fixed.subnet_id].cidr).prefixlen
        cidrs.append(f"{ip_address(fixed.ip_address)}/{prefix}")
    return {
        "neutron:network_name": f"neutron-{port.network_id}",
        "neutron:port_name": port.name,
        "neutron:device_id": port.device_id,
        "neutron:device_owner": port.device_owner,
        "neutron:project_id": port.project_id,
        "neutron:cidrs": " ".join(cidrs),
    }
