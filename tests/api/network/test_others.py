"""Extensions, quotas, agents, address availability; and that every list takes a constant number of statements."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.network.conftest import Api
from unkai.network import service
from unkai.network.api.extensions import EXTENSIONS

# What each extension promises: a path, and an attribute in the first item (or a key in the answer) that shows it.
PROBES: dict[str, tuple[str, str]] = {
    "agent": ("/agents", "agents"),
    "allowed-address-pairs": ("/ports", "allowed_address_pairs"),
    "availability_zone": ("/availability_zones", "availability_zones"),
    "binding": ("/ports", "binding:vif_type"),
    "default-subnetpools": ("/subnetpools", "is_default"),
    "empty-string-filtering": ("/networks?description=", "id"),
    "ext-gw-mode": ("/routers", "external_gateway_info"),
    "external-net": ("/networks", "router:external"),
    "extra_dhcp_opt": ("/ports", "extra_dhcp_opts"),
    "extraroute": ("/routers", "routes"),
    "extraroute-atomic": ("/routers", "routes"),
    "filter-validation": ("/networks", "id"),
    "fip-port-details": ("/floatingips", "port_details"),
    "ip-substring-filtering": ("/ports?fixed_ips=ip_address_substr%3D10.0.", "id"),
    "ip_allocation": ("/ports", "ip_allocation"),
    "l2_adjacency": ("/networks", "l2_adjacency"),
    "net-mtu": ("/networks", "mtu"),
    "net-mtu-writable": ("/networks", "mtu"),
    "network-ip-availability": ("/network-ip-availabilities", "used_ips"),
    "pagination": ("/networks?limit=1", "networks_links"),
    "port-security": ("/networks", "port_security_enabled"),
    "port-security-groups-filtering": ("/ports?security_groups=x", "ports"),
    "project-id": ("/networks", "project_id"),
    "provider": ("/networks", "provider:network_type"),
    "quota_details": ("/quotas/p-admin/details.json", "quota"),
    "quotas": ("/quotas/p-admin", "quota"),
    "revision-if-match": ("/networks", "revision_number"),
    "router": ("/routers", "id"),
    "security-group": ("/security-groups", "security_group_rules"),
    "security-groups-normalized-cidr": ("/security-group-rules", "normalized_cidr"),
    "security-groups-shared-filtering": ("/security-groups?shared=False", "id"),
    "service-type": ("/service-providers", "service_type"),
    "sorting": ("/networks?sort_key=name", "id"),
    "standard-attr-description": ("/networks", "description"),
    "standard-attr-revisions": ("/ports", "revision_number"),
    "standard-attr-tag": ("/ports", "tags"),
    "standard-attr-timestamp": ("/networks?changed_since=2020-01-01T00:00:00", "created_at"),
    "stateful-security-group": ("/security-groups", "stateful"),
    "subnet-service-types": ("/subnets", "service_types"),
    "subnet_allocation": ("/subnets", "subnetpool_id"),
    "tag": ("/networks?tags=a", "tags"),
    "tag-creation": ("/networks", "tags"),
    "tag-ext": ("/ports", "tags"),
}


async def furnish(api: Api) -> None:
    """One of everything, the administrator's."""
    flat = {"provider:network_type": "flat", "provider:physical_network": "public", "router:external": True}
    external = (await api.make("admin", "network", **flat))["id"]
    await api.make("admin", "subnet", network_id=external, ip_version=4, cidr="172.24.4.0/24", enable_dhcp=False)
    network = (await api.make("admin", "network", tags=["a"]))["id"]
    subnet = await api.make("admin", "subnet", network_id=network, ip_version=4, cidr="10.0.0.0/24")
    router = await api.make("admin", "router", external_gateway_info={"network_id": external})
    await api.ok("admin", "PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = await api.make("admin", "port", network_id=network)
    await api.make("admin", "floatingip", floating_network_id=external, port_id=port["id"])
    await api.make("admin", "subnetpool", name="pool", prefixes=["10.8.0.0/16"])


async def test_every_extension_is_true(api: Api) -> None:
    await furnish(api)
    listed = (await api.ok("admin", "GET", "/extensions"))["extensions"]
    assert {one["alias"] for one in listed} == set(EXTENSIONS) == set(PROBES)
    assert {"name", "description", "updated", "links"} <= set(listed[0])
    for alias, (path, wanted) in PROBES.items():
        shown = (await api.ok("admin", "GET", f"/extensions/{alias}"))["extension"]
        assert shown["alias"] == alias
        answer = await api.ok("admin", "GET", path)
        items = next(iter(answer.values()))
        assert wanted in answer or wanted in items[0], alias
    await api.refused("admin", "GET", "/extensions/trunk", None, 404, "ExtensionNotFound")


@pytest.mark.parametrize(
    "plural",
    [
        "networks",
        "subnets",
        "ports",
        "routers",
        "floatingips",
        "security-groups",
        "security-group-rules",
        "subnetpools",
    ],
)
async def test_lists_take_a_constant_number_of_statements(api: Api, plural: str) -> None:
    await api.ok("admin", "PUT", "/quotas/p-admin", {"quota": {"security_group": 100, "router": 100}})
    await furnish(api)
    await api.make("admin", "security_group", name="one")

    async def statements() -> tuple[int, int]:
        before = api.kit.db.statements
        found = await api.ok("admin", "GET", f"/{plural}")
        return len(found[plural.replace("-", "_")]), api.kit.db.statements - before

    few, used = await statements()
    for number in range(3):
        network = (await api.make("admin", "network"))["id"]
        await api.make("admin", "subnet", network_id=network, ip_version=4, cidr="10.0.0.0/24")
        await api.make("admin", "port", network_id=network)
        await api.make("admin", "router")
        await api.make("admin", "security_group", name=f"more{number}")
        await api.make("admin", "subnetpool", name="pool", prefixes=["10.8.0.0/16"])
        (external,) = (await api.ok("admin", "GET", "/networks?router:external=1"))["networks"]
        await api.make("admin", "floatingip", floating_network_id=external["id"])
    many, used_then = await statements()
    assert many > few
    assert used_then == used


async def test_quotas(api: Api) -> None:
    defaults = (await api.ok("alice", "GET", "/quotas/p-alice/default"))["quota"]
    assert (defaults["network"], defaults["security_group"], defaults["subnetpool"]) == (100, 10, -1)
    await api.refused("alice", "PUT", "/quotas/p-alice", {"quota": {"network": 5}}, 403, "PolicyNotAuthorized")
    await api.refused("alice", "GET", "/quotas/p-bob", None, 403, "PolicyNotAuthorized")
    for bad in ({"network": "x"}, {"network": -2}, {"nonsense": 1}):
        await api.refused("admin", "PUT", "/quotas/p-alice", {"quota": bad}, 400, "HTTPBadRequest")
    await api.ok("admin", "PUT", "/quotas/p-alice", {"quota": {"network": 1}})
    await api.make("alice", "network")
    body: dict[str, Any] = {"network": {}}
    await api.refused(
        "alice", "POST", "/networks", body, 409, "OverQuota", "Quota exceeded for resources: ['network']."
    )
    details = (await api.ok("alice", "GET", "/quotas/p-alice/details.json"))["quota"]
    assert details["network"] == {"limit": 1, "used": 1, "reserved": 0}
    assert [one["project_id"] for one in (await api.ok("admin", "GET", "/quotas"))["quotas"]] == ["p-alice"]
    await api.ok("admin", "DELETE", "/quotas/p-alice", status=204)
    await api.refused("admin", "DELETE", "/quotas/p-alice", None, 404, "TenantQuotaNotFound")
    await api.make("alice", "network")


async def test_agents_are_what_hosts_report(api: Api) -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    hosts = [
        service.NetworkHost(host="h1", chassis="c1", up=True, created_at=when, last_seen=when, zone="west"),
        service.NetworkHost(host="h2", chassis="c2", up=False, created_at=when, last_seen=when),
        service.NetworkHost(host="h3", chassis=None, up=True, created_at=when, last_seen=when),
    ]
    service.register_hosts(api.kit, lambda tx: hosts, lambda tx: ["c1", "c2"])
    found = (await api.ok("admin", "GET", "/agents"))["agents"]
    assert [(one["host"], one["binary"], one["alive"]) for one in found] == [
        ("h1", "ovn-controller", True),
        ("h1", "neutron-ovn-metadata-agent", True),
        ("h2", "ovn-controller", False),
        ("h2", "neutron-ovn-metadata-agent", False),
    ]
    assert found[0]["heartbeat_timestamp"] == "2026-01-02 00:00:00"
    alive = (await api.ok("admin", "GET", "/agents?alive=true&binary=ovn-controller&fields=host"))["agents"]
    assert alive == [{"host": "h1"}]
    assert (await api.ok("admin", "GET", f"/agents/{found[0]['id']}"))["agent"] == found[0]
    await api.refused("admin", "GET", "/agents/nothing", None, 404, "AgentNotFound")
    assert (await api.ok("alice", "GET", "/agents"))["agents"] == []
    zones = (await api.ok("alice", "GET", "/availability_zones"))["availability_zones"]
    assert [(one["name"], one["resource"]) for one in zones] == [("west", "network"), ("west", "router")]


async def test_addresses_used(api: Api) -> None:
    network = await api.make("alice", "network", name="n")
    await api.make("alice", "subnet", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    found = (await api.ok("admin", "GET", f"/network-ip-availabilities/{network['id']}"))["network_ip_availability"]
    assert (found["total_ips"], found["used_ips"], found["network_name"]) == (253, 1, "n")
    await api.refused("alice", "GET", "/network-ip-availabilities", None, 403, "PolicyNotAuthorized")


async def test_unknown_paths_and_methods(api: Api) -> None:
    await api.refused("alice", "GET", "/nonsense", None, 404, "HTTPNotFound")
    await api.refused("alice", "PATCH", "/networks", {}, 405, "HTTPMethodNotAllowed")
    answer = await api.client.get("/network/v2.0/networks", headers={"X-Auth-Token": "nobody"})
    assert answer.status_code == 401
    big = {"network": {"description": "x" * 200_000}}
    await api.refused("alice", "POST", "/networks", big, 413, "HTTPRequestEntityTooLarge")
