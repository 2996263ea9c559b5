"""/subnets and /subnetpools: what is chosen, what is refused."""

from typing import Any

import pytest

from api.network.conftest import Api


async def subnet(api: Api, network_id: str, cidr: str, who: str = "alice", **values: Any) -> dict[str, Any]:
    values.setdefault("ip_version", 6 if ":" in cidr else 4)
    return await api.make(who, "subnet", network_id=network_id, cidr=cidr, **values)


async def test_what_a_subnet_gets_by_itself(api: Api) -> None:
    network = await api.make("alice", "network")
    four = await subnet(api, network["id"], "10.1.2.0/24")
    assert (four["gateway_ip"], four["enable_dhcp"]) == ("10.1.2.1", True)
    assert four["allocation_pools"] == [{"start": "10.1.2.2", "end": "10.1.2.254"}]
    assert (four["dns_nameservers"], four["host_routes"], four["subnetpool_id"]) == ([], [], None)
    six = await subnet(api, network["id"], "fd00:1::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    assert six["gateway_ip"] == "fd00:1::1"
    assert six["allocation_pools"] == [{"start": "fd00:1::2", "end": "fd00:1::ffff:ffff:ffff:ffff"}]
    found = (await api.ok("alice", "GET", f"/networks/{network['id']}"))["network"]
    assert found["subnets"] == [four["id"], six["id"]]


async def test_pools_gateway_routes_and_name_servers(api: Api) -> None:
    network = await api.make("alice", "network")
    made = await subnet(
        api,
        network["id"],
        "10.1.0.5/24",
        gateway_ip=None,
        allocation_pools=[{"start": "10.1.0.10", "end": "10.1.0.20"}],
        host_routes=[{"destination": "10.9.0.0/24", "nexthop": "10.1.0.9"}],
        dns_nameservers=["192.0.2.1", "192.0.2.2"],
        enable_dhcp="False",
    )
    assert (made["cidr"], made["gateway_ip"], made["enable_dhcp"]) == ("10.1.0.0/24", None, False)
    path = f"/subnets/{made['id']}"
    change = {"gateway_ip": "10.1.0.254", "dns_nameservers": [], "name": "new"}
    changed = (await api.ok("alice", "PUT", path, {"subnet": change}))["subnet"]
    assert {name: changed[name] for name in change} == change
    for attribute, value in (("cidr", "10.2.0.0/24"), ("ip_version", 6), ("network_id", network["id"])):
        await api.refused("alice", "PUT", path, {"subnet": {attribute: value}}, 400, "HTTPBadRequest", "read-only")


CASES: list[tuple[dict[str, Any], int, str]] = [
    ({"cidr": "10.0.0.0"}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/33"}, 400, "HTTPBadRequest"),
    ({"cidr": "nonsense"}, 400, "HTTPBadRequest"),
    ({"cidr": 7}, 400, "HTTPBadRequest"),
    ({"cidr": "fd00::/64"}, 400, "InvalidInput"),
    ({"cidr": "0.0.0.0/0"}, 400, "InvalidInput"),
    ({"cidr": "224.0.0.0/24"}, 400, "InvalidInput"),
    ({"cidr": "127.0.0.0/24"}, 400, "InvalidInput"),
    ({}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "ip_version": 5}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.0"}, 400, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"}, 400, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "fd00::1"}, 400, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "x"}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "prefixlen": 24}, 400, "HTTPBadRequest"),
    (
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.5"}]},
        400,
        "InvalidAllocationPool",
    ),
    ({"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9"}]}, 400, "HTTPBadRequest"),
    (
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.1.5"}]},
        400,
        "OutOfBoundsAllocationPool",
    ),
    (
        {"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.5"}]},
        409,
        "GatewayConflictWithAllocationPools",
    ),
    (
        {
            "cidr": "10.0.0.0/24",
            "allocation_pools": [
                {"start": "10.0.0.5", "end": "10.0.0.9"},
                {"start": "10.0.0.9", "end": "10.0.0.12"},
            ],
        },
        409,
        "OverlappingAllocationPools",
    ),
    ({"cidr": "10.0.0.0/24", "dns_nameservers": ["x"]}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "dns_nameservers": ["192.0.2.1", "192.0.2.1"]}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "dns_nameservers": [f"192.0.2.{n}" for n in range(6)]}, 400, "DNSNameServersExhausted"),
    ({"cidr": "10.0.0.0/24", "host_routes": [{"destination": "10.9.0.0/24"}]}, 400, "HTTPBadRequest"),
    (
        {
            "cidr": "10.0.0.0/24",
            "host_routes": [{"destination": f"10.9.{n}.0/24", "nexthop": "10.0.0.9"} for n in range(21)],
        },
        400,
        "HostRoutesExhausted",
    ),
    ({"cidr": "10.0.0.0/24", "network_id": "x"}, 400, "HTTPBadRequest"),
    ({"cidr": "10.0.0.0/24", "network_id": "00000000-0000-4000-8000-000000000000"}, 404, "NetworkNotFound"),
    ({"cidr": "10.0.0.0/24", "subnetpool_id": "00000000-0000-4000-8000-000000000000"}, 404, "SubnetPoolNotFound"),
]


@pytest.mark.parametrize(("values", "status", "kind"), CASES)
async def test_bad_subnets(api: Api, values: dict[str, Any], status: int, kind: str) -> None:
    network = await api.make("alice", "network")
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, **values}}
    await api.refused("alice", "POST", "/subnets", body, status, kind)
    assert (await api.ok("alice", "GET", "/subnets"))["subnets"] == []


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"}, "must be the same value"),
        (
            {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac", "cidr": "fd00::/96"},
            "requires the prefix to be /64",
        ),
        ({"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac", "enable_dhcp": False}, "enable_dhcp is set to False"),
    ],
)
async def test_bad_modes_of_ipv6(api: Api, values: dict[str, Any], part: str) -> None:
    network = await api.make("alice", "network")
    body = {"subnet": {"network_id": network["id"], "ip_version": 6, "cidr": "fd00::/64", **values}}
    await api.refused("alice", "POST", "/subnets", body, 400, "InvalidInput", part)


async def test_overlapping_subnets_of_one_network(api: Api) -> None:
    network, other = await api.make("alice", "network"), await api.make("alice", "network")
    await subnet(api, network["id"], "10.0.0.0/16")
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.3.0/24"}}
    await api.refused("alice", "POST", "/subnets", body, 400, "InvalidInput", "overlaps with another subnet")
    await subnet(api, other["id"], "10.0.3.0/24")


async def test_a_used_subnet_stays(api: Api) -> None:
    network = await api.make("alice", "network")
    made = await subnet(api, network["id"], "10.0.0.0/24")
    port = await api.make("alice", "port", network_id=network["id"])
    await api.refused("alice", "DELETE", f"/subnets/{made['id']}", None, 409, "SubnetInUse")
    await api.refused("alice", "DELETE", f"/networks/{network['id']}", None, 409, "NetworkInUse", port["id"])
    await api.ok("alice", "DELETE", f"/ports/{port['id']}", status=204)
    await api.ok("alice", "DELETE", f"/subnets/{made['id']}", status=204)
    await api.ok("alice", "DELETE", f"/networks/{network['id']}", status=204)


async def test_only_a_networks_owner_makes_subnets_on_it(api: Api) -> None:
    network = await api.make("admin", "network", shared=True)
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}}
    await api.refused("alice", "POST", "/subnets", body, 403, "PolicyNotAuthorized")
    made = await subnet(api, network["id"], "10.0.0.0/24", "admin")
    path = f"/subnets/{made['id']}"
    assert (await api.ok("alice", "GET", path))["subnet"]["cidr"] == "10.0.0.0/24"
    await api.refused("alice", "PUT", path, {"subnet": {"name": "mine"}}, 403, "PolicyNotAuthorized")
    mine = await api.make("alice", "network")
    private = await subnet(api, mine["id"], "10.0.0.0/24")
    for method, change in (("GET", None), ("PUT", {"subnet": {"name": "x"}}), ("DELETE", None)):
        await api.refused("bob", method, f"/subnets/{private['id']}", change, 404, "SubnetNotFound")


async def test_subnets_cut_out_of_a_pool(api: Api) -> None:
    pool = await api.make("alice", "subnetpool", name="pool", prefixes=["10.8.0.0/23"], default_prefixlen=24)
    assert (pool["ip_version"], pool["default_prefixlen"], pool["prefixes"]) == (4, "24", ["10.8.0.0/23"])
    wanted = {"subnetpool_id": pool["id"], "ip_version": 4}
    cidrs = []
    for _ in range(2):
        network = await api.make("alice", "network")
        cidrs.append((await api.make("alice", "subnet", network_id=network["id"], **wanted))["cidr"])
    assert cidrs == ["10.8.0.0/24", "10.8.1.0/24"]
    network = await api.make("alice", "network")
    body = {"subnet": {"network_id": network["id"], **wanted}}
    await api.refused("alice", "POST", "/subnets", body, 409, "SubnetAllocationError", "Insufficient prefix space")
    await api.refused("alice", "DELETE", f"/subnetpools/{pool['id']}", None, 400, "SubnetPoolDeleteError")
    await api.refused("bob", "GET", f"/subnetpools/{pool['id']}", None, 404, "SubnetPoolNotFound")
    smaller = {"subnetpool": {"prefixes": ["10.8.0.0/24"]}}
    await api.refused("alice", "PUT", f"/subnetpools/{pool['id']}", smaller, 400, "IllegalSubnetPoolPrefixUpdate")
    for values in ({"prefixes": []}, {"prefixes": ["10.0.0.0/8", "fd00::/48"]}, {"prefixes": ["x"]}):
        answer = await api.ask("alice", "POST", "/subnetpools", {"subnetpool": {"name": "bad", **values}})
        assert answer.status_code == 400, values
