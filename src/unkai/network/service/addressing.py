"""Which addresses a port gets.

Whoever picks holds the subnet's row until the commit, so two requests never race for one address; the primary
key of the addresses' table would refuse it anyway.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec
import netaddr

from unkai.kernel.store import Tx
from unkai.network.errors import (
    AllocationOnAutoAddressSubnet,
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
)
from unkai.network.model import FixedIp, Subnet
from unkai.network.store import addresses, subnets

__all__ = ["FixedIpRequest", "IpAddressGenerationFailure", "allocate", "eui64", "is_usable", "pick", "requested"]

Given = tuple[FixedIp, int]


class FixedIpRequest(msgspec.Struct, frozen=True):
    """An address somebody wants: in a subnet, or exactly this one, or both."""

    subnet_id: str | None = None
    ip_address: str | None = None


def pick(tx: Tx, subnet: Subnet) -> Given | None:
    """The lowest free address of the subnet's pools. The caller holds the subnet's row."""
    base = int(ip_network(subnet.cidr).network_address)
    for pool in subnet.allocation_pools:
        first = int(ip_address(pool.start)) - base
        last = min(int(ip_address(pool.end)) - base, addresses.NUMBER_LIMIT - 1)
        number = addresses.lowest_free(tx, subnet.id, first, last)
        if number is not None:
            return FixedIp(subnet.id, str(ip_network(subnet.cidr)[number])), number
    return None


def allocate(tx: Tx, network_id: str, candidates: Sequence[Subnet], mac: str, device_owner: str) -> list[Given]:
    """Addresses for a port that asks for none in particular: one IPv4, one managed IPv6, and one in each subnet
    where guests make theirs from their MAC. Raises IpAddressGenerationFailure when a family is full."""
    usable = [subnet for subnet in candidates if _serves(subnet, device_owner)]
    hold(tx, usable)
    given: list[Given] = []
    for version in 4, 6:
        family = [subnet for subnet in usable if subnet.ip_version == version and not subnet.automatic]
        if not family:
            continue
        found = next((one for one in (pick(tx, subnet) for subnet in family) if one is not None), None)
        if found is None:
            raise IpAddressGenerationFailure(id=network_id)
        given.append(found)
    if not device_owner.startswith("network:router"):
        given += [eui64(subnet, mac) for subnet in usable if subnet.automatic]
    return given


def requested(
    tx: Tx,
    network_id: str,
    on_network: Sequence[Subnet],
    mac: str,
    device_owner: str,
    wanted: Iterable[FixedIpRequest],
) -> list[Given]:
    """Exactly the addresses that were asked for.

    Raises InvalidInput, InvalidIpForNetwork, InvalidIpForSubnet, AllocationOnAutoAddressSubnet,
    IpAddressAlreadyAllocated, IpAddressGenerationFailure.
    """
    given: list[Given] = []
    wanted = list(wanted)
    for one in wanted:
        if one.ip_address is not None and "%" in one.ip_address:
            raise InvalidIpForNetwork(ip=one.ip_address)
    by_id = {subnet.id: subnet for subnet in on_network}
    chosen = [(_subnet_for(network_id, by_id, one), one) for one in wanted]
    hold(tx, [subnet for subnet, _ in chosen])
    # Exact wishes first: what is picked freely must not take an address that is asked for further down.
    picked_last = sorted(enumerate(chosen), key=lambda entry: entry[1][1].ip_address is None)
    places: dict[int, Given] = {}
    for place, (subnet, one) in picked_last:
        places[place] = found = _one(tx, subnet, mac, device_owner, one, {fixed.ip_address for fixed, _ in given})
        given.append(found)
    return [places[place] for place in sorted(places)]


def hold(tx: Tx, wanted: Iterable[Subnet]) -> None:
    """Hold the rows of subnets, always in the same order, so that two holders never wait for each other."""
    for id in sorted({subnet.id for subnet in wanted}):
        subnets.hold(tx, id)


def eui64(subnet: Subnet, mac: str) -> Given:
    """The address that a guest with this MAC makes for itself."""
    network = ip_network(subnet.cidr)
    address = int(netaddr.EUI(mac).ipv6(int(network.network_address)))
    return FixedIp(subnet.id, str(ip_address(address))), address - int(network.network_address)


def is_usable(network: IPv4Network | IPv6Network, ip: str) -> bool:
    """Whether an address may belong to a port: inside, and neither the network's nor the broadcast address."""
    address = ip_address(ip)
    if address not in network:
        return False
    if network.version == 4 and network.prefixlen < 31:
        return address not in (network.network_address, network.broadcast_address)
    return True


def _serves(subnet: Subnet, device_owner: str) -> bool:
    return not subnet.service_types or any(device_owner.startswith(kind) for kind in subnet.service_types)


def _subnet_for(network_id: str, by_id: dict[str, Subnet], one: FixedIpRequest) -> Subnet:
    if one.subnet_id is not None:
        subnet = by_id.get(one.subnet_id)
        if subnet is None:
            raise InvalidInput(
                reason=f"Failed to create port on network {network_id}, because fixed_ips included invalid subnet "
                f"{one.subnet_id}"
            )
        return subnet
    if one.ip_address is None:
        raise InvalidInput(reason="IP allocation requires subnet_id or ip_address")
    address = ip_address(one.ip_address)
    for subnet in by_id.values():
        if address in ip_network(subnet.cidr):
            return subnet
    raise InvalidIpForNetwork(ip=one.ip_address)


def _one(tx: Tx, subnet: Subnet, mac: str, device_owner: str, one: FixedIpRequest, already: set[str]) -> Given:
    automatic = subnet.automatic and not device_owner.startswith("network:router")
    if one.ip_address is None:
        found = eui64(subnet, mac) if automatic else _pick_beside(tx, subnet, already)
        if found is None:
            raise IpAddressGenerationFailure(id=subnet.network_id)
        return found
    network = ip_network(subnet.cidr)
    ip = str(ip_address(one.ip_address))
    if not is_usable(network, ip):
        raise InvalidIpForSubnet(ip=ip)
    if automatic and ip != eui64(subnet, mac)[0].ip_address:
        raise AllocationOnAutoAddressSubnet(ip=ip, subnet_id=subnet.id)
    if ip in already or addresses.taken_by(tx, subnet.id, ip) is not None:
        raise IpAddressAlreadyAllocated(ip=ip, subnet_id=subnet.id)
    return FixedIp(subnet.id, ip), int(ip_address(ip)) - int(network.network_address)


def _pick_beside(tx: Tx, subnet: Subnet, already: set[str]) -> Given | None:
    """Like `pick`, but not what this very request already gets and no row shows yet."""
    base = ip_network(subnet.cidr)
    reserved = {int(ip_address(ip)) - int(base.network_address) for ip in already if ip_address(ip) in base}
    for pool in subnet.allocation_pools:
        first = int(ip_address(pool.start)) - int(base.network_address)
        last = min(int(ip_address(pool.end)) - int(base.network_address), addresses.NUMBER_LIMIT - 1)
        while first <= last:
            number = addresses.lowest_free(tx, subnet.id, first, last)
            if number is None:
                break
            if number not in reserved:
                return FixedIp(subnet.id, str(base[number])), number
            first = number + 1
    return None
