"""network_data.json: links, networks and services as upstream describes them.

As upstream it tells the first IPv4 and the first IPv6 subnet of each card.
"""

import ipaddress
from typing import Any

from unkai.contracts.guest import FixedAddress, Guest, Interface

__all__ = ["network_data", "tap_name"]


def tap_name(port_id: str) -> str:
    """Upstream's name of a port's device on the host; guests see it as the link's id."""
    return f"tap{port_id[:11]}"


def network_data(guest: Guest) -> dict[str, list[dict[str, Any]]]:
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for card in guest.interfaces:
        addresses = [first for version in (4, 6) if (first := _first(card, version)) is not None]
        if not addresses:
            continue
        links.append(
            {
                "id": tap_name(card.port_id),
                "vif_id": card.port_id,
                "type": "ovs",
                "mtu": card.mtu,
                "ethernet_mac_address": card.mac,
            }
        )
        for address in addresses:
            networks.append(_network(f"network{len(networks)}", card, address))
            services += [entry for entry in _dns(address) if entry not in services]
    return {"links": links, "networks": networks, "services": services}


def _first(card: Interface, version: int) -> FixedAddress | None:
    return next((address for address in card.addresses if address.version == version), None)


def _network(name: str, card: Interface, address: FixedAddress) -> dict[str, Any]:
    common = {"id": name, "link": tap_name(card.port_id), "network_id": card.network_id}
    if address.mode == "dhcp":
        return {**common, "type": f"ipv{address.version}_dhcp"}
    mode = "" if address.mode == "static" else f"_{address.mode}"
    netmask = ipaddress.ip_network(f"{address.address}/{address.prefix_length}", strict=False).netmask
    zero = "0.0.0.0" if address.version == 4 else "::"  # noqa: S104  a route's destination, nothing listens
    routes = []
    if address.gateway is not None:
        routes.append({"network": zero, "netmask": zero, "gateway": address.gateway})
    for route in address.routes:
        target = ipaddress.ip_network(route.destination, strict=False)
        routes.append(
            {"network": str(target.network_address), "netmask": str(target.netmask), "gateway": route.nexthop}
        )
    return {
        **common,
        "type": f"ipv{address.version}{mode}",
        "ip_address": address.address,
        "netmask": str(netmask),
        "routes": routes,
        "services": _dns(address),
    }


def _dns(address: FixedAddress) -> list[dict[str, Any]]:
    return [{"type": "dns", "address": server} for server in address.dns_servers]
