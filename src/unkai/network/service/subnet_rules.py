"""What makes sense in a subnet, as upstream judges it. Pure functions over addresses."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise

from unkai.network.errors import (
    GatewayConflictWithAllocationPools,
    InvalidAllocationPool,
    InvalidInput,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
)
from unkai.network.model import Pool
from unkai.network.service.addressing import is_usable

AnyNetwork = IPv4Network | IPv6Network


def parse_cidr(cidr: str, ip_version: int) -> AnyNetwork:
    """The subnet's network, host bits cleared. Raises InvalidInput."""
    network = ip_network(cidr, strict=False)
    if network.version != ip_version:
        raise InvalidInput(reason=f"cidr '{cidr}' does not match the ip_version '{ip_version}'")
    if network.prefixlen == 0:
        raise InvalidInput(reason="0 is not allowed as CIDR prefix length")
    if network.is_multicast:
        raise InvalidInput(reason=f"Multicast IP subnet is not supported: '{cidr}'")
    if network.is_loopback:
        raise InvalidInput(reason=f"Loopback IP subnet is not supported: '{cidr}'")
    return network


def check_modes(ip_version: int, enable_dhcp: bool, ra_mode: str | None, address_mode: str | None) -> None:
    """IPv6's modes of router advertisements and of addresses. Raises InvalidInput."""
    given = {"ipv6_ra_mode": ra_mode, "ipv6_address_mode": address_mode}
    if ip_version == 4:
        for name, value in given.items():
            if value is not None:
                raise InvalidInput(reason=f"{name} is not valid when ip_version is 4")
        return
    if not enable_dhcp and any(given.values()):
        raise InvalidInput(reason="ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra_mode and address_mode and ra_mode != address_mode:
        raise InvalidInput(
            reason=f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid. "
            "If both attributes are set, they must be the same value"
        )


def check_automatic_prefix(network: AnyNetwork, ra_mode: str | None, address_mode: str | None) -> None:
    """Addresses made from MACs need 64 bits. Raises InvalidInput."""
    for mode in ra_mode, address_mode:
        if mode in ("slaac", "dhcpv6-stateless") and network.prefixlen != 64:
            raise InvalidInput(
                reason=f"Invalid CIDR {network} for IPv6 address mode. OpenStack uses the EUI-64 address format, "
                "which requires the prefix to be /64"
            )


def check_gateway(network: AnyNetwork, gateway: str) -> None:
    """A gateway inside of the subnet must be an address a port can have. Raises InvalidInput."""
    address = ip_address(gateway)
    if address.version != network.version:
        raise InvalidInput(reason=f"gateway_ip '{gateway}' does not match the ip_version '{network.version}'")
    if address in network and not is_usable(network, gateway):
        raise InvalidInput(reason="Gateway is not valid on subnet")


def default_gateway(network: AnyNetwork) -> str:
    """The first address."""
    return str(network[1] if network.num_addresses > 1 else network[0])


def default_pools(network: AnyNetwork, gateway: str | None) -> list[Pool]:
    """Everything a port can have, around the gateway."""
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 6 and network.num_addresses > 1:
        first += 1  # the subnet routers' anycast address
    elif network.version == 4 and network.prefixlen < 31:
        first, last = first + 1, last - 1
    ranges = [(first, last)]
    if gateway is not None and first <= int(ip_address(gateway)) <= last and ip_address(gateway) in network:
        middle = int(ip_address(gateway))
        ranges = [(low, high) for low, high in ((first, middle - 1), (middle + 1, last)) if low <= high]
    kind = type(network.network_address)
    return [Pool(str(kind(low)), str(kind(high))) for low, high in ranges]


def check_pools(network: AnyNetwork, pools: Sequence[Pool], gateway: str | None) -> None:
    """Raises InvalidAllocationPool, OutOfBoundsAllocationPool, OverlappingAllocationPools,
    GatewayConflictWithAllocationPools."""
    ranges: list[tuple[int, int, Pool]] = []
    for pool in pools:
        start, end = ip_address(pool.start), ip_address(pool.end)
        if start.version != network.version or end.version != network.version or int(end) < int(start):
            raise InvalidAllocationPool(pool=_text(pool))
        if not (is_usable(network, pool.start) and is_usable(network, pool.end)):
            raise OutOfBoundsAllocationPool(pool=_text(pool), cidr=network)
        ranges.append((int(start), int(end), pool))
    ranges.sort(key=lambda entry: entry[0])
    for (_, end_before, before), (start_after, _, after) in pairwise(ranges):
        if start_after <= end_before:
            raise OverlappingAllocationPools(first=_text(before), second=_text(after), cidr=network)
    if gateway is not None and ip_address(gateway).version == network.version:
        middle = int(ip_address(gateway))
        for start_at, end_at, pool in ranges:
            if start_at <= middle <= end_at:
                raise GatewayConflictWithAllocationPools(ip=gateway, pool=_text(pool))


def check_overlap(network: AnyNetwork, network_id: str, others: Iterable[str]) -> None:
    """Raises InvalidInput when another subnet of the same network has some of these addresses."""
    for other in others:
        if network.version == ip_network(other).version and network.overlaps(ip_network(other)):
            raise InvalidInput(
                reason=f"Requested subnet with cidr: {network} for network: {network_id} overlaps with another subnet"
            )


def _text(pool: Pool) -> str:
    return f"{pool.start}-{pool.end}"
