"""What DHCP answers, for IPv4 and IPv6, and what single ports get beside it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from unkai.kernel.settings import Settings
from unkai.network.dhcp_options import as_set, formatted
from unkai.network.model import DhcpOption, Network, Port, Subnet
from unkai.network.ovn.model import DhcpOptions
from unkai.network.settings import NetworkOptions, OvnOptions

METADATA_IP = "169.254.169.254"


def subnet_options(settings: Settings, network: Network, subnet: Subnet, metadata: Port | None) -> DhcpOptions | None:
    """None where DHCP answers nothing: it is off, or guests get their IPv6 address from routers alone."""
    if not subnet.enable_dhcp:
        return None
    if subnet.ip_version == 4:
        options = _four(settings, network, subnet, metadata)
    elif subnet.ipv6_address_mode in ("dhcpv6-stateful", "dhcpv6-stateless"):
        options = _six(settings, subnet)
    else:
        return None
    return None if options is None else DhcpOptions(id=subnet.id, cidr=subnet.cidr, options=options)


def own_options(base: DhcpOptions | None, wishes: Iterable[DhcpOption], version: int) -> DhcpOptions | None:
    """The answers of a port with options of its own, or None when the subnet's do."""
    changes = [formatted(wish) for wish in wishes if wish.ip_version == version]
    known = dict(change for change in changes if change is not None)
    if base is None or not known:
        return None
    return DhcpOptions(id=base.id, cidr=base.cidr, options=base.options | known)


def _four(settings: Settings, network: Network, subnet: Subnet, metadata: Port | None) -> dict[str, str] | None:
    metadata_ip = (
        next((one.ip_address for one in metadata.fixed_ips if one.subnet_id == subnet.id), None)
        if (metadata is not None)
        else None
    )
    server = subnet.gateway_ip or metadata_ip
    if server is None:
        return None  # nobody could be named as the server
    options = {
        "server_id": server,
        "server_mac": _mac(settings, subnet.id),
        "lease_time": str(settings[OvnOptions].dhcp_default_lease_time),
        "mtu": str(network.mtu),
        "domain_name": json.dumps(settings[NetworkOptions].dns_domain),
    }
    if subnet.gateway_ip is not None:
        options["router"] = subnet.gateway_ip
    servers = subnet.dns_nameservers or _of_version(settings[OvnOptions].dns_servers, 4)
    if servers:
        options["dns_server"] = as_set(servers)
    routes = [f"{ip_network(route.destination, strict=False)},{route.nexthop}" for route in subnet.host_routes]
    if metadata_ip is not None:
        routes.insert(0, f"{METADATA_IP}/32,{metadata_ip}")
    if routes:
        # Clients that understand this option ignore `router`.
        if subnet.gateway_ip is not None:
            routes.append(f"0.0.0.0/0,{subnet.gateway_ip}")
        options["classless_static_route"] = as_set(routes)
    return options


def _six(settings: Settings, subnet: Subnet) -> dict[str, str]:
    options = {"server_id": _mac(settings, subnet.id)}
    servers = subnet.dns_nameservers or _of_version(settings[OvnOptions].dns_servers, 6)
    if servers:
        options["dns_server"] = as_set(servers)
    options["domain_search"] = json.dumps(settings[NetworkOptions].dns_domain)
    if subnet.ipv6_address_mode == "dhcpv6-stateless":
        options["dhcpv6_stateless"] = "true"
    return options


def _mac(settings: Settings, subnet_id: str) -> str:
    """The server's MAC: always the same for a subnet, so that rendering it again changes nothing."""
    prefix = settings[NetworkOptions].base_mac.lower().split(":")[:3]
    tail = hashlib.sha256(subnet_id.encode()).digest()[:3]
    return ":".join([*prefix, *(f"{octet:02x}" for octet in tail)])


def _of_version(servers: Sequence[str], version: int) -> list[str]:
    return [server for server in servers if (":" in server) == (version == 6)]
