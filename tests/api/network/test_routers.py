"""/routers and /floatingips."""

from typing import Any

import pytest

from api.network.conftest import Api


class House:
    """Alice's network behind a router with a gateway, and the external network."""

    external: str
    network: str
    subnet: str
    router: str


@pytest.fixture
async def house(api: Api) -> House:
    made = House()
    flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
    made.external = (await api.make("admin", "network", **flat))["id"]
    outside = {"network_id": made.external, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": False}
    await api.make("admin", "subnet", **outside)
    made.network = (await api.make("alice", "network"))["id"]
    inside = {"network_id": made.network, "ip_version": 4, "cidr": "10.0.0.0/24"}
    made.subnet = (await api.make("alice", "subnet", **inside))["id"]
    made.router = (await api.make("alice", "router", external_gateway_info={"network_id": made.external}))["id"]
    await api.ok("alice", "PUT", f"/routers/{made.router}/add_router_interface", {"subnet_id": made.subnet})
    return made


async def test_a_router_lives_and_dies(api: Api, house: House) -> None:
    path = f"/routers/{house.router}"
    router = (await api.ok("alice", "GET", path))["router"]
    gateway = router["external_gateway_info"]
    assert (gateway["network_id"], gateway["enable_snat"]) == (house.external, True)
    assert [fixed["ip_address"] for fixed in gateway["external_fixed_ips"]] == ["172.24.4.2"]
    (port,) = (await api.ok("alice", "GET", f"/ports?device_id={house.router}"))["ports"]
    assert (port["device_owner"], port["fixed_ips"][0]["ip_address"]) == ("network:router_interface", "10.0.0.1")
    await api.refused("alice", "DELETE", path, None, 409, "RouterInUse")
    await api.refused("alice", "DELETE", f"/ports/{port['id']}", None, 409, "ServicePortInUse")
    await api.refused("alice", "DELETE", f"/subnets/{house.subnet}", None, 409, "SubnetInUse")
    left = await api.ok("alice", "PUT", f"{path}/remove_router_interface", {"subnet_id": house.subnet})
    assert (left["id"], left["port_id"], left["subnet_ids"]) == (house.router, port["id"], [house.subnet])
    await api.ok("alice", "DELETE", path, status=204)
    assert (await api.ok("admin", "GET", f"/ports?device_id={house.router}"))["ports"] == []


async def test_what_a_router_refuses(api: Api, house: House) -> None:
    path = f"/routers/{house.router}"
    add, remove = f"{path}/add_router_interface", f"{path}/remove_router_interface"
    other = (await api.make("alice", "network"))["id"]
    same = await api.make("alice", "subnet", network_id=other, ip_version=4, cidr="10.0.0.0/25")
    lonely = await api.make("alice", "subnet", network_id=other, ip_version=4, cidr="10.7.0.0/24", gateway_ip=None)
    used = await api.make("alice", "port", network_id=other, device_id="x")
    foreign = await api.make("bob", "network")
    theirs = await api.make("bob", "subnet", network_id=foreign["id"], ip_version=4, cidr="10.8.0.0/24")
    nothing = "00000000-0000-4000-8000-000000000000"
    refusals: list[tuple[str, Any, int, str]] = [
        (add, {}, 400, "HTTPBadRequest"),
        (add, [], 400, "HTTPBadRequest"),
        (add, {"subnet_id": "x"}, 400, "HTTPBadRequest"),
        (add, {"subnet_id": same["id"], "port_id": used["id"]}, 400, "HTTPBadRequest"),
        (add, {"subnet_id": nothing}, 404, "SubnetNotFound"),
        (add, {"subnet_id": theirs["id"]}, 404, "SubnetNotFound"),
        (add, {"port_id": nothing}, 404, "PortNotFound"),
        (add, {"port_id": used["id"]}, 409, "PortInUse"),
        (add, {"subnet_id": house.subnet}, 400, "HTTPBadRequest"),
        (add, {"subnet_id": same["id"]}, 400, "HTTPBadRequest"),
        (add, {"subnet_id": lonely["id"]}, 400, "HTTPBadRequest"),
        (remove, {"subnet_id": same["id"]}, 404, "RouterInterfaceNotFoundForSubnet"),
        (remove, {"port_id": used["id"]}, 404, "RouterInterfaceNotFound"),
    ]
    for where, body, status, kind in refusals:
        await api.refused("alice", "PUT", where, body, status, kind)
    gateway = {"router": {"external_gateway_info": {"network_id": house.network}}}
    await api.refused("alice", "PUT", path, gateway, 400, "HTTPBadRequest", "is not an external network")
    snat = {"router": {"external_gateway_info": {"network_id": house.external, "enable_snat": False}}}
    await api.refused("alice", "PUT", path, snat, 403, "PolicyNotAuthorized", "enable_snat")
    assert (await api.ok("admin", "PUT", path, snat))["router"]["external_gateway_info"]["enable_snat"] is False
    await api.refused("bob", "PUT", add, {"subnet_id": theirs["id"]}, 404, "RouterNotFound")
    await api.refused("bob", "GET", path, None, 404, "RouterNotFound")


async def test_a_port_as_interface(api: Api, house: House) -> None:
    network = (await api.make("alice", "network"))["id"]
    await api.make("alice", "subnet", network_id=network, ip_version=4, cidr="10.3.0.0/24")
    port = await api.make("alice", "port", network_id=network, fixed_ips=[{"ip_address": "10.3.0.77"}])
    path = f"/routers/{house.router}"
    await api.ok("alice", "PUT", f"{path}/add_router_interface", {"port_id": port["id"]})
    seen = (await api.ok("alice", "GET", f"/ports/{port['id']}"))["port"]
    assert (seen["device_owner"], seen["security_groups"]) == ("network:router_interface", [])
    await api.ok("alice", "PUT", f"{path}/remove_router_interface", {"port_id": port["id"]})
    await api.refused("alice", "GET", f"/ports/{port['id']}", None, 404, "PortNotFound")


async def test_extra_routes(api: Api, house: House) -> None:
    path = f"/routers/{house.router}"
    one = {"destination": "10.50.0.0/24", "nexthop": "10.0.0.50"}
    two = {"destination": "10.60.0.0/24", "nexthop": "10.0.0.60"}
    assert (await api.ok("alice", "PUT", path, {"router": {"routes": [one]}}))["router"]["routes"] == [one]
    added = await api.ok("alice", "PUT", f"{path}/add_extraroutes", {"router": {"routes": [two, one]}})
    assert added["router"]["routes"] == [one, two]
    for bad, kind in (
        ({**one, "nexthop": "192.0.2.1"}, "InvalidRoutes"),
        ({**one, "nexthop": "10.0.0.1"}, "InvalidRoutes"),
        ({**one, "nexthop": "x"}, "HTTPBadRequest"),
        ({"destination": "10.50.0.0/24"}, "HTTPBadRequest"),
    ):
        await api.refused("alice", "PUT", path, {"router": {"routes": [bad]}}, 400, kind)
    body = {"subnet_id": house.subnet}
    await api.refused("alice", "PUT", f"{path}/remove_router_interface", body, 409, "RouterInterfaceInUseByRoute")
    left = await api.ok("alice", "PUT", f"{path}/remove_extraroutes", {"router": {"routes": [one]}})
    assert left["router"]["routes"] == [two]
    assert (await api.ok("alice", "PUT", path, {"router": {"routes": []}}))["router"]["routes"] == []


async def test_a_floating_ip_leads_to_a_port(api: Api, house: House) -> None:
    port = await api.make("alice", "port", network_id=house.network)
    floating = await api.make("alice", "floatingip", floating_network_id=house.external, description="d")
    assert (floating["status"], floating["port_id"], floating["router_id"]) == ("DOWN", None, None)
    path = f"/floatingips/{floating['id']}"
    led = (await api.ok("alice", "PUT", path, {"floatingip": {"port_id": port["id"]}}))["floatingip"]
    assert (led["status"], led["router_id"]) == ("ACTIVE", house.router)
    assert led["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert led["port_details"]["mac_address"] == port["mac_address"]
    described = (await api.ok("alice", "PUT", path, {"floatingip": {"description": "new"}}))["floatingip"]
    assert (described["description"], described["port_id"]) == ("new", port["id"])
    second = await api.make("alice", "floatingip", floating_network_id=house.external)
    body = {"floatingip": {"port_id": port["id"]}}
    await api.refused("alice", "PUT", f"/floatingips/{second['id']}", body, 409, "FloatingIPPortAlreadyAssociated")
    router = f"/routers/{house.router}"
    leave = {"subnet_id": house.subnet}
    await api.refused(
        "alice", "PUT", f"{router}/remove_router_interface", leave, 409, "RouterInterfaceInUseByFloatingIP"
    )
    clear = {"router": {"external_gateway_info": {}}}
    await api.refused("alice", "PUT", router, clear, 409, "RouterExternalGatewayInUseByFloatingIp")
    await api.ok("alice", "DELETE", f"/ports/{port['id']}", status=204)
    freed = (await api.ok("alice", "GET", path))["floatingip"]
    assert (freed["status"], freed["port_id"], freed["router_id"]) == ("DOWN", None, None)
    await api.refused("bob", "DELETE", path, None, 404, "FloatingIPNotFound")
    await api.ok("alice", "DELETE", path, status=204)


async def test_what_floating_ips_refuse(api: Api, house: House) -> None:
    other = (await api.make("alice", "network"))["id"]
    await api.make("alice", "subnet", network_id=other, ip_version=4, cidr="10.9.0.0/24")
    behind_nothing = await api.make("alice", "port", network_id=other)
    without_address = await api.make("alice", "port", network_id=house.network, fixed_ips=[])
    foreign = (await api.make("bob", "network"))["id"]
    theirs = await api.make("bob", "port", network_id=foreign)
    two = [{"subnet_id": house.subnet}, {"subnet_id": house.subnet}]
    double = await api.make("alice", "port", network_id=house.network, fixed_ips=[{"ip_address": "10.0.0.8"}])
    await api.ok(
        "alice", "PUT", f"/ports/{double['id']}", {"port": {"fixed_ips": [{"ip_address": "10.0.0.8"}, two[0]]}}
    )
    outside = {"floating_network_id": house.external}
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"floating_network_id": house.network}, 400, "HTTPBadRequest"),
        ({"floating_network_id": foreign}, 404, "NetworkNotFound"),
        ({"floating_network_id": "x"}, 400, "HTTPBadRequest"),
        ({}, 400, "HTTPBadRequest"),
        ({**outside, "port_id": behind_nothing["id"]}, 404, "ExternalGatewayForFloatingIPNotFound"),
        ({**outside, "port_id": without_address["id"]}, 400, "HTTPBadRequest"),
        ({**outside, "port_id": double["id"]}, 400, "HTTPBadRequest"),
        ({**outside, "port_id": theirs["id"]}, 404, "PortNotFound"),
        ({**outside, "port_id": double["id"], "fixed_ip_address": "10.0.0.99"}, 400, "HTTPBadRequest"),
        ({**outside, "fixed_ip_address": "10.0.0.8"}, 400, "HTTPBadRequest"),
        ({**outside, "floating_ip_address": "172.24.4.77"}, 403, "PolicyNotAuthorized"),
    ]
    for body, status, kind in refusals:
        await api.refused("alice", "POST", "/floatingips", {"floatingip": body}, status, kind)
    assert (await api.ok("alice", "GET", "/floatingips"))["floatingips"] == []
    chosen = {**outside, "port_id": double["id"], "fixed_ip_address": "10.0.0.8"}
    assert (await api.make("alice", "floatingip", **chosen))["fixed_ip_address"] == "10.0.0.8"
    exact = await api.make("admin", "floatingip", **outside, floating_ip_address="172.24.4.77")
    assert exact["floating_ip_address"] == "172.24.4.77"


async def test_floating_ips_run_out(api: Api) -> None:
    flat = {"provider:network_type": "flat", "provider:physical_network": "small", "router:external": True}
    network = (await api.make("admin", "network", **flat))["id"]
    await api.make("admin", "subnet", network_id=network, ip_version=4, cidr="192.0.2.0/30", enable_dhcp=False)
    await api.make("alice", "floatingip", floating_network_id=network)
    body = {"floatingip": {"floating_network_id": network}}
    await api.refused("bob", "POST", "/floatingips", body, 409, "IpAddressGenerationFailure")
    # Idle floating IPs go with their network, as upstream.
    await api.ok("admin", "DELETE", f"/networks/{network}", status=204)
    assert (await api.ok("alice", "GET", "/floatingips"))["floatingips"] == []
