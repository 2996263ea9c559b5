"""Addresses: the lowest free one, never twice, whoever asks at the same time."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.network.world import ALICE, World, ips
from unkai.kernel.scope import Scope
from unkai.network import errors
from unkai.network.model import Pool
from unkai.network.service import ports, subnet_rules
from unkai.network.service.addressing import FixedIpRequest
from unkai.network.store import subnets


def test_the_lowest_free_address_of_the_pools(cloud: World) -> None:
    network = cloud.network()
    pools = [Pool("10.0.0.20", "10.0.0.21"), Pool("10.0.0.40", "10.0.0.41")]
    cloud.subnet(network, "10.0.0.0/24", enable_dhcp=False, allocation_pools=pools)
    made = [cloud.port(network) for _ in range(4)]
    assert [ips(port) for port in made] == [["10.0.0.20"], ["10.0.0.21"], ["10.0.0.40"], ["10.0.0.41"]]
    with pytest.raises(errors.IpAddressGenerationFailure):
        cloud.port(network)
    # An address outside of the pools can still be asked for.
    assert ips(cloud.port(network, fixed_ips=[FixedIpRequest(ip_address="10.0.0.99")])) == ["10.0.0.99"]
    cloud.do(ports.delete, ALICE, made[1])
    assert ips(cloud.port(network)) == ["10.0.0.21"]


def test_one_address_per_family_and_one_of_the_next_subnet_when_one_is_full(cloud: World) -> None:
    network = cloud.network()
    for cidr in ("10.0.0.0/30", "10.0.1.0/24", "fd00:1::/126", "fd00:2::/64"):
        cloud.subnet(network, cidr, enable_dhcp=False)
    assert ips(cloud.port(network)) == ["10.0.0.2", "fd00:1::2"]
    assert ips(cloud.port(network)) == ["10.0.1.2", "fd00:1::3"]
    assert ips(cloud.port(network)) == ["10.0.1.3", "fd00:2::2"]


def test_nobody_gets_an_address_twice(cloud: World) -> None:
    """Many at once, on each database; exactly as many succeed as there are addresses."""
    network = cloud.network()
    subnet = cloud.subnet(network, "10.0.0.0/28", enable_dhcp=False)

    def attempt(_: int) -> str | None:
        try:
            return ips(cloud.port(network))[0]
        except errors.IpAddressGenerationFailure:
            return None

    with ThreadPoolExecutor(8) as threads:
        found = Counter(threads.map(attempt, range(20)))
    assert found.pop(None) == 7
    assert set(found.values()) == {1}
    assert len(found) == 13
    assert cloud.read(subnets.get, Scope.system(), subnet.id).cidr == "10.0.0.0/28"


def test_wishes_come_before_choices(cloud: World) -> None:
    """What is picked freely does not take what the same request asks for exactly."""
    network = cloud.network()
    subnet = cloud.subnet(network, "10.0.0.0/24", enable_dhcp=False)
    wanted = [FixedIpRequest(subnet_id=subnet.id), FixedIpRequest(ip_address="10.0.0.2"), FixedIpRequest(subnet.id)]
    assert ips(cloud.port(network, fixed_ips=wanted)) == ["10.0.0.3", "10.0.0.2", "10.0.0.4"]


@given(
    prefix=st.integers(8, 32),
    base=st.integers(0x0A000000, 0x0AFFFFFF),
    offset=st.one_of(st.none(), st.integers(0, 2**24)),
)
def test_default_pools_are_everything_but_the_gateway(prefix: int, base: int, offset: int | None) -> None:
    network = ip_network((base, prefix), strict=False)
    gateway = None if offset is None else str(network[offset % network.num_addresses])
    if gateway is not None and not subnet_rules.is_usable(network, gateway):
        gateway = None
    pools = subnet_rules.default_pools(network, gateway)
    subnet_rules.check_pools(network, pools, gateway)
    total = sum(int(ip_network(pool.end)[0]) - int(ip_network(pool.start)[0]) + 1 for pool in pools)
    usable = network.num_addresses - (2 if prefix < 31 else 0)
    assert total == usable - (gateway is not None)
