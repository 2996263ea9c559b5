"""/ports: addresses, security, bindings."""

from typing import Any

import pytest

from api.network.conftest import Api


class House:
    def __init__(self, network: dict[str, Any], subnet: dict[str, Any]) -> None:
        self.network = network["id"]
        self.subnet = subnet["id"]


@pytest.fixture
async def house(api: Api) -> House:
    network = await api.make("alice", "network")
    subnet = await api.make("alice", "subnet", network_id=network["id"], ip_version=4, cidr="10.0.0.0/29")
    return House(network, subnet)


def addresses(port: dict[str, Any]) -> list[str]:
    return [fixed["ip_address"] for fixed in port["fixed_ips"]]


async def test_a_port_lives_and_dies(api: Api, house: House) -> None:
    port = await api.make("alice", "port", network_id=house.network, name="p")
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["status"] == "DOWN"
    assert port["fixed_ips"] == [{"subnet_id": house.subnet, "ip_address": "10.0.0.3"}]
    (default,) = (await api.ok("alice", "GET", "/security-groups?name=default"))["security_groups"]
    assert port["security_groups"] == [default["id"]]
    assert "binding:host_id" not in port
    path = f"/ports/{port['id']}"
    change = {"name": "new", "admin_state_up": False, "security_groups": [], "device_id": "x", "device_owner": "y"}
    changed = (await api.ok("alice", "PUT", path, {"port": change}))["port"]
    assert {name: changed[name] for name in change} == change
    await api.ok("alice", "DELETE", path, status=204)
    await api.refused("alice", "GET", path, None, 404, "PortNotFound")


async def test_administrators_bind(api: Api, house: House) -> None:
    port = await api.make("alice", "port", network_id=house.network)
    path = f"/ports/{port['id']}"
    await api.refused("alice", "PUT", path, {"port": {"binding:host_id": "h"}}, 403, "PolicyNotAuthorized")
    seen = (await api.ok("admin", "GET", path))["port"]
    assert (seen["binding:host_id"], seen["binding:vif_type"], seen["binding:vnic_type"]) == ("", "unbound", "normal")
    bound = (await api.ok("admin", "PUT", path, {"port": {"binding:host_id": "h", "binding:profile": {"a": 1}}}))[
        "port"
    ]
    assert (bound["binding:host_id"], bound["binding:vif_type"], bound["binding:profile"]) == ("h", "ovs", {"a": 1})
    change = {"port": {"mac_address": "fa:16:3e:00:00:01"}}
    await api.refused("alice", "PUT", path, change, 403, "PolicyNotAuthorized")
    await api.refused("admin", "PUT", path, change, 409, "PortBound")


async def test_addresses_run_out_and_come_back(api: Api, house: House) -> None:
    made = [await api.make("alice", "port", network_id=house.network) for _ in range(4)]
    assert [addresses(port) for port in made] == [["10.0.0.3"], ["10.0.0.4"], ["10.0.0.5"], ["10.0.0.6"]]
    body = {"port": {"network_id": house.network}}
    await api.refused("alice", "POST", "/ports", body, 409, "IpAddressGenerationFailure", house.network)
    await api.ok("alice", "DELETE", f"/ports/{made[1]['id']}", status=204)
    assert addresses(await api.make("alice", "port", network_id=house.network)) == ["10.0.0.4"]
    assert len((await api.ok("alice", "GET", f"/ports?network_id={house.network}&device_owner="))["ports"]) == 4


@pytest.mark.parametrize(
    ("fixed_ips", "status", "kind"),
    [
        ([{"ip_address": "10.0.0.7"}], 400, "InvalidIpForSubnet"),
        ([{"ip_address": "10.0.0.0"}], 400, "InvalidIpForSubnet"),
        ([{"ip_address": "10.0.9.1"}], 400, "InvalidIpForNetwork"),
        ([{"ip_address": "10.0.0.2"}], 409, "IpAddressAlreadyAllocated"),
        ([{"ip_address": "10.0.0.5"}, {"ip_address": "10.0.0.5"}], 400, "HTTPBadRequest"),
        ([{"ip_address": "x"}], 400, "HTTPBadRequest"),
        ([{"subnet_id": "x"}], 400, "HTTPBadRequest"),
        ([{"subnet_id": "00000000-0000-4000-8000-000000000000"}], 400, "InvalidInput"),
        ([{}], 400, "InvalidInput"),
        ({"ip_address": "10.0.0.5"}, 400, "HTTPBadRequest"),
    ],
)
async def test_bad_fixed_ips(api: Api, house: House, fixed_ips: Any, status: int, kind: str) -> None:
    body = {"port": {"network_id": house.network, "fixed_ips": fixed_ips}}
    await api.refused("alice", "POST", "/ports", body, status, kind)
    assert len((await api.ok("alice", "GET", "/ports"))["ports"]) == 1, "only the metadata port"


async def test_addresses_are_kept_added_and_given_back(api: Api, house: House) -> None:
    port = await api.make("alice", "port", network_id=house.network, fixed_ips=[{"ip_address": "10.0.0.5"}])
    path = f"/ports/{port['id']}"
    wanted = [{"ip_address": "10.0.0.5"}, {"subnet_id": house.subnet}]
    two = (await api.ok("alice", "PUT", path, {"port": {"fixed_ips": wanted}}))["port"]
    assert addresses(two) == ["10.0.0.5", "10.0.0.3"]
    one = (await api.ok("alice", "PUT", path, {"port": {"fixed_ips": [{"ip_address": "10.0.0.3"}]}}))["port"]
    assert addresses(one) == ["10.0.0.3"]
    other = await api.make("alice", "port", network_id=house.network, fixed_ips=[{"ip_address": "10.0.0.5"}])
    await api.refused(
        "alice", "PUT", path, {"port": {"fixed_ips": [{"ip_address": "10.0.0.5"}]}}, 409, "IpAddressAlreadyAllocated"
    )
    assert addresses((await api.ok("alice", "GET", path))["port"]) == ["10.0.0.3"]
    found = (await api.ok("alice", "GET", "/ports?fixed_ips=ip_address%3D10.0.0.5"))["ports"]
    assert [one["id"] for one in found] == [other["id"]]
    part = "/ports?fixed_ips=ip_address_substr%3D.0.0.&device_owner="
    assert {one["id"] for one in (await api.ok("alice", "GET", part))["ports"]} == {port["id"], other["id"]}


async def test_ipv6_addresses_follow_the_mac(api: Api, house: House) -> None:
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    values = {"network_id": house.network, "ip_version": 6, "cidr": "fd00:5::/64"}
    early = await api.make("alice", "port", network_id=house.network, mac_address="fa:16:3e:11:22:33")
    slaac = await api.make("alice", "subnet", **values, **modes)
    seen = (await api.ok("alice", "GET", f"/ports/{early['id']}"))["port"]
    assert addresses(seen) == ["10.0.0.3", "fd00:5::f816:3eff:fe11:2233"]
    late = await api.make("alice", "port", network_id=house.network, mac_address="fa:16:3e:11:22:34")
    assert addresses(late) == ["10.0.0.4", "fd00:5::f816:3eff:fe11:2234"]
    body = {"port": {"network_id": house.network, "fixed_ips": [{"ip_address": "fd00:5::5"}]}}
    await api.refused("alice", "POST", "/ports", body, 400, "AllocationOnAutoAddressSubnet")
    moved = await api.ok("admin", "PUT", f"/ports/{late['id']}", {"port": {"mac_address": "fa:16:3e:11:22:35"}})
    assert sorted(addresses(moved["port"])) == ["10.0.0.4", "fd00:5::f816:3eff:fe11:2235"]
    await api.ok("alice", "DELETE", f"/subnets/{slaac['id']}", status=204)
    assert addresses((await api.ok("alice", "GET", f"/ports/{early['id']}"))["port"]) == ["10.0.0.3"]


async def test_macs(api: Api, house: House) -> None:
    await api.make("alice", "port", network_id=house.network, mac_address="FA:16:3E:00:00:01")
    body = {"port": {"network_id": house.network, "mac_address": "fa:16:3e:00:00:01"}}
    await api.refused("alice", "POST", "/ports", body, 409, "MacAddressInUse")
    for bad in ("x", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "01:00:5e:00:00:01", 7):
        body["port"]["mac_address"] = bad
        await api.refused("alice", "POST", "/ports", body, 400, "HTTPBadRequest", "is not a valid MAC address")


async def test_port_security_and_address_pairs(api: Api, house: House) -> None:
    pair = {"ip_address": "10.0.0.64/26", "mac_address": "fa:16:3e:00:00:09"}
    port = await api.make("alice", "port", network_id=house.network, allowed_address_pairs=[pair])
    assert port["allowed_address_pairs"] == [pair]
    path = f"/ports/{port['id']}"
    own = (await api.ok("alice", "PUT", path, {"port": {"allowed_address_pairs": [{"ip_address": "10.0.0.99"}]}}))[
        "port"
    ]
    assert own["allowed_address_pairs"] == [{"ip_address": "10.0.0.99", "mac_address": port["mac_address"]}]
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"port_security_enabled": False}, 409, "PortSecurityPortHasSecurityGroup"),
        ({"port_security_enabled": False, "security_groups": []}, 409, "AddressPairAndPortSecurityRequired"),
        ({"allowed_address_pairs": [{"ip_address": "10.0.0.9"}] * 2}, 400, "HTTPBadRequest"),
        (
            {"allowed_address_pairs": [{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.9/32"}]},
            400,
            "DuplicateAddressPairInRequest",
        ),
        ({"allowed_address_pairs": [{"ip_address": f"10.0.1.{n}"} for n in range(11)]}, 400, "AddressPairsExhausted"),
        ({"allowed_address_pairs": [{"ip_address": "224.0.0.1"}]}, 400, "HTTPBadRequest"),
        ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:09"}]}, 400, "HTTPBadRequest"),
        ({"security_groups": ["00000000-0000-4000-8000-000000000000"]}, 404, "SecurityGroupNotFound"),
        ({"extra_dhcp_opts": [{"opt_name": "x"}]}, 400, "HTTPBadRequest"),
    ]
    for change, status, kind in refusals:
        await api.refused("alice", "PUT", path, {"port": change}, status, kind)
    open_port = {"port_security_enabled": False, "security_groups": [], "allowed_address_pairs": []}
    assert (await api.ok("alice", "PUT", path, {"port": open_port}))["port"]["port_security_enabled"] is False


async def test_dhcp_options_are_replaced_one_by_one(api: Api, house: House) -> None:
    options = [{"opt_name": "tftp-server", "opt_value": "a"}, {"opt_name": "mtu", "opt_value": "1400"}]
    port = await api.make("alice", "port", network_id=house.network, extra_dhcp_opts=options)
    change = [{"opt_name": "tftp-server", "opt_value": None}, {"opt_name": "mtu", "opt_value": "1300"}]
    changed = (await api.ok("alice", "PUT", f"/ports/{port['id']}", {"port": {"extra_dhcp_opts": change}}))["port"]
    assert changed["extra_dhcp_opts"] == [{"opt_name": "mtu", "opt_value": "1300", "ip_version": 4}]


async def test_on_a_shared_network_a_guest_does_not_choose_its_address(api: Api) -> None:
    network = await api.make("admin", "network", shared=True)
    subnet = await api.make("admin", "subnet", network_id=network["id"], ip_version=4, cidr="10.5.0.0/24")
    port = await api.make("alice", "port", network_id=network["id"], fixed_ips=[{"subnet_id": subnet["id"]}])
    for values in (
        {"fixed_ips": [{"ip_address": "10.5.0.77"}]},
        {"mac_address": "fa:16:3e:00:00:01"},
        {"port_security_enabled": False},
        {"device_owner": "network:dhcp"},
        {"allowed_address_pairs": [{"ip_address": "10.5.0.1"}]},
    ):
        body = {"port": {"network_id": network["id"], **values}}
        await api.refused("alice", "POST", "/ports", body, 403, "PolicyNotAuthorized")
    # Its owner sees the port, others of the network do not.
    assert [one["id"] for one in (await api.ok("alice", "GET", "/ports"))["ports"]] == [port["id"]]
    assert (await api.ok("bob", "GET", "/ports"))["ports"] == []
    await api.refused("bob", "DELETE", f"/ports/{port['id']}", None, 404, "PortNotFound")


async def test_bulk_of_ports_is_all_or_nothing(api: Api, house: House) -> None:
    one = {"network_id": house.network}
    made = await api.ok("alice", "POST", "/ports", {"ports": [one, one]}, 201)
    assert [addresses(port) for port in made["ports"]] == [["10.0.0.3"], ["10.0.0.4"]]
    await api.refused("alice", "POST", "/ports", {"ports": [one] * 3}, 409, "IpAddressGenerationFailure")
    await api.ok("admin", "PUT", "/quotas/p-alice", {"quota": {"port": 3}})
    await api.refused("alice", "POST", "/ports", {"ports": [one]}, 409, "OverQuota", "['port']")


async def test_the_systems_ports_are_not_deleted_by_hand(api: Api, house: House) -> None:
    (metadata,) = (await api.ok("alice", "GET", "/ports?device_owner=network:distributed"))["ports"]
    await api.refused("alice", "DELETE", f"/ports/{metadata['id']}", None, 409, "ServicePortInUse")
