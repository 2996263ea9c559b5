"""Hypervisors, services, zones, hosts and aggregates over HTTP (USE-004, USE-005, AGG-001 to AGG-007)."""

import re
from typing import Any

import pytest

from harness.simulated_cloud import Answer, SimulatedCloud

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_servers_left")]

NOWHERE = "00000000-0000-0000-0000-000000000000"


async def get(cloud: SimulatedCloud, path: str, version: str = "2.104", user: str = "admin") -> Any:
    answer = await cloud.compute("GET", path, version=version, user=user)
    assert answer.status == 200, answer.text
    return answer.body


async def status(cloud: SimulatedCloud, method: str, path: str, version: str, body: Any = None) -> int:
    return (await cloud.compute(method, path, body, version=version)).status


# --- hypervisors


async def test_hypervisors(cloud: SimulatedCloud) -> None:
    server = await cloud.boot()
    where = server["OS-EXT-SRV-ATTR:hypervisor_hostname"]
    old = (await get(cloud, "/os-hypervisors/detail", "2.1"))["hypervisors"]
    assert sorted(one["hypervisor_hostname"] for one in old) == ["sim-0001", "sim-0002"]
    (busy,) = [one for one in old if one["hypervisor_hostname"] == where]
    (idle,) = [one for one in old if one["hypervisor_hostname"] != where]
    assert isinstance(busy["id"], int) and isinstance(busy["cpu_info"], str)
    assert (busy["running_vms"], busy["vcpus_used"], busy["local_gb_used"]) == (1, 1, 1)
    assert busy["memory_mb_used"] - idle["memory_mb_used"] == 512
    assert busy["memory_mb"] == busy["memory_mb_used"] + busy["free_ram_mb"]
    assert set(busy["service"]) == {"id", "host", "disabled_reason"}
    new = (await get(cloud, "/os-hypervisors/detail?with_servers=true", "2.104"))["hypervisors"]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", one["id"]) for one in new)
    gone = {"vcpus", "vcpus_used", "memory_mb", "cpu_info", "running_vms"}
    assert all(not gone & set(one) and one["uptime"] for one in new)
    assert {one["hypervisor_hostname"]: [held["uuid"] for held in one["servers"]] for one in new} == {
        where: [server["id"]],
        idle["hypervisor_hostname"]: [],
    }
    assert isinstance((await get(cloud, f"/os-hypervisors/{busy['id']}", "2.28"))["hypervisor"]["cpu_info"], dict)
    found = (await get(cloud, f"/os-hypervisors/{where}/servers", "2.52"))["hypervisors"]
    assert [held["uuid"] for one in found for held in one["servers"]] == [server["id"]]
    assert len((await get(cloud, "/os-hypervisors/sim-/search", "2.52"))["hypervisors"]) == 2
    sums = (await get(cloud, "/os-hypervisors/statistics", "2.87"))["hypervisor_statistics"]
    assert (sums["count"], sums["running_vms"], sums["vcpus"]) == (2, 1, busy["vcpus"] + idle["vcpus"])
    line = (await get(cloud, f"/os-hypervisors/{new[0]['id']}/uptime", "2.87"))["hypervisor"]
    assert "load average" in line["uptime"]


async def test_hypervisors_in_pages(cloud: SimulatedCloud) -> None:
    first = await get(cloud, "/os-hypervisors?limit=1", "2.53")
    (link,) = first["hypervisors_links"]
    second = await cloud.call("GET", link["href"].removeprefix("http://cloud.example"), version="2.53")
    pages = [*first["hypervisors"], *second.body["hypervisors"]]
    assert sorted(one["hypervisor_hostname"] for one in pages) == ["sim-0001", "sim-0002"]
    assert len((await get(cloud, "/os-hypervisors?limit=1", "2.32"))["hypervisors"]) == 2
    pattern = await get(cloud, "/os-hypervisors?hypervisor_hostname_pattern=0002", "2.53")
    assert [one["hypervisor_hostname"] for one in pattern["hypervisors"]] == ["sim-0002"]


@pytest.mark.parametrize(
    ("path", "version", "expected"),
    [
        ("/os-hypervisors/1", "2.53", 400),
        (f"/os-hypervisors/{NOWHERE}", "2.53", 404),
        ("/os-hypervisors/99", "2.1", 404),
        ("/os-hypervisors/x", "2.1", 404),
        ("/os-hypervisors/nothing/search", "2.1", 404),
        ("/os-hypervisors/sim-/search", "2.53", 404),
        ("/os-hypervisors/sim-/servers", "2.53", 404),
        ("/os-hypervisors/statistics", "2.88", 404),
        ("/os-hypervisors?marker=99", "2.33", 400),
        ("/os-hypervisors?limit=1&hypervisor_hostname_pattern=s", "2.53", 400),
        ("/os-hypervisors?hypervisor_hostname_pattern=nowhere", "2.53", 404),
        ("/os-hypervisors?with_servers=perhaps", "2.53", 400),
        ("/os-hypervisors?colour=red", "2.53", 400),
        ("/os-hypervisors?colour=red", "2.52", 200),
    ],
)
async def test_hypervisors_refused(cloud: SimulatedCloud, path: str, version: str, expected: int) -> None:
    assert await status(cloud, "GET", path, version) == expected


# --- services


async def test_services(cloud: SimulatedCloud) -> None:
    (old,) = (await get(cloud, "/os-services?host=sim-0001", "2.1"))["services"]
    assert set(old) == {"id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"}
    assert (old["binary"], old["zone"], old["status"], old["state"]) == ("nova-compute", "nova", "enabled", "up")
    (new,) = (await get(cloud, "/os-services?host=sim-0001", "2.53"))["services"]
    assert (new["forced_down"], len(new["id"])) == (False, 36)
    assert (await get(cloud, "/os-services?binary=nova-conductor"))["services"] == []
    body = {"host": "sim-0001", "binary": "nova-compute", "disabled_reason": "repair"}
    answer = await cloud.compute("PUT", "/os-services/disable-log-reason", body)
    assert answer.body == {"service": {**body, "status": "disabled"}}
    (found,) = (await get(cloud, "/os-services?host=sim-0001"))["services"]
    assert (found["status"], found["disabled_reason"]) == ("disabled", "repair")
    enabled = await cloud.compute("PUT", f"/os-services/{new['id']}", {"status": "enabled"}, version="2.53")
    assert (enabled.body["service"]["status"], enabled.body["service"]["disabled_reason"]) == ("enabled", None)
    forced = await cloud.compute("PUT", f"/os-services/{new['id']}", {"forced_down": True}, version="2.53")
    assert (forced.body["service"]["forced_down"], forced.body["service"]["state"]) == (True, "down")
    back = {"host": "sim-0001", "binary": "nova-compute", "forced_down": False}
    assert (await cloud.compute("PUT", "/os-services/force-down", back, version="2.11")).status == 200


async def test_a_disabled_host_gets_no_servers(cloud: SimulatedCloud) -> None:
    (one,) = (await get(cloud, "/os-services?host=sim-0001"))["services"]
    await cloud.compute("PUT", f"/os-services/{one['id']}", {"status": "disabled"}, version="2.53")
    made = [await cloud.boot(name=str(number)) for number in range(3)]
    assert {server["OS-EXT-SRV-ATTR:host"] for server in made} == {"sim-0002"}
    await cloud.compute("PUT", f"/os-services/{one['id']}", {"status": "enabled"}, version="2.53")
    assert await status(cloud, "DELETE", "/os-services/x", "2.1") == 400
    assert await status(cloud, "DELETE", f"/os-services/{NOWHERE}", "2.53") == 404
    (busy,) = (await get(cloud, "/os-services?host=sim-0002"))["services"]
    held = await cloud.compute("DELETE", f"/os-services/{busy['id']}", version="2.53")
    assert held.fault[0] == "conflictingRequest" and "hosting instances" in held.fault[1]


@pytest.mark.parametrize(
    ("path", "body", "version", "expected"),
    [
        ("enable", {"host": "sim-0001"}, "2.1", 400),
        ("enable", {"host": "nowhere", "binary": "nova-compute"}, "2.1", 404),
        ("enable", {"host": "sim-0001", "binary": "nova-scheduler"}, "2.1", 400),
        ("disable-log-reason", {"host": "sim-0001", "binary": "nova-compute"}, "2.1", 400),
        (
            "disable-log-reason",
            {"host": "sim-0001", "binary": "nova-compute", "disabled_reason": "x" * 256},
            "2.1",
            400,
        ),
        ("explode", {"host": "sim-0001", "binary": "nova-compute"}, "2.1", 404),
        ("force-down", {"host": "sim-0001", "binary": "nova-compute", "forced_down": True}, "2.10", 400),
        ("force-down", {"host": "sim-0001", "binary": "nova-compute"}, "2.11", 400),
        (NOWHERE, {"status": "enabled"}, "2.53", 404),
        (NOWHERE, {}, "2.53", 400),
        (NOWHERE, {"status": "maybe"}, "2.53", 400),
        (NOWHERE, {"status": "enabled", "disabled_reason": "x"}, "2.53", 400),
        ("1", {"status": "enabled"}, "2.53", 400),
    ],
)
async def test_services_refused(cloud: SimulatedCloud, path: str, body: Any, version: str, expected: int) -> None:
    assert await status(cloud, "PUT", f"/os-services/{path}", version, body) == expected


# --- zones and hosts


async def test_zones(cloud: SimulatedCloud) -> None:
    plain = {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    assert await get(cloud, "/os-availability-zone", user="demo") == {"availabilityZoneInfo": [plain]}
    (zone,) = (await get(cloud, "/os-availability-zone/detail"))["availabilityZoneInfo"]
    assert set(zone["hosts"]) == {"sim-0001", "sim-0002"}
    assert set(zone["hosts"]["sim-0001"]["nova-compute"]) == {"available", "active", "updated_at"}


async def test_hosts_until_242(cloud: SimulatedCloud) -> None:
    names = [one["host_name"] for one in (await get(cloud, "/os-hosts", "2.42"))["hosts"]]
    assert sorted(names) == ["sim-0001", "sim-0002"]
    lines = (await get(cloud, "/os-hosts/sim-0001", "2.42"))["host"]
    assert [line["resource"]["project"] for line in lines] == ["(total)", "(used_now)", "(used_max)"]
    for path, version, expected in (
        ("/os-hosts", "2.43", 404),
        ("/os-hosts/nowhere", "2.1", 404),
        ("/os-hosts/sim-0001/reboot", "2.1", 501),
    ):
        assert await status(cloud, "GET", path, version) == expected
    assert await status(cloud, "PUT", "/os-hosts/sim-0001", "2.1", {"status": "perhaps"}) == 400
    assert (await cloud.compute("PUT", "/os-hosts/sim-0001", {"status": "disable"})).body == {
        "host": "sim-0001",
        "status": "disabled",
    }
    await cloud.compute("PUT", "/os-hosts/sim-0001", {"status": "enable"})


# --- aggregates


async def aggregate(cloud: SimulatedCloud, name: str, zone: str | None = None) -> int:
    answer = await cloud.compute("POST", "/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})
    assert answer.status == 200, answer.text
    return int(answer.body["aggregate"]["id"])


async def act(cloud: SimulatedCloud, number: int, action: str, content: Any) -> Answer:
    return await cloud.compute("POST", f"/os-aggregates/{number}/action", {action: content})


async def test_aggregates_and_zones(cloud: SimulatedCloud) -> None:
    """A host in an aggregate with a zone is in that zone, and servers that ask for the zone go there."""
    number = await aggregate(cloud, "fast", "north")
    added = (await act(cloud, number, "add_host", {"host": "sim-0002"})).body["aggregate"]
    assert (added["hosts"], added["metadata"]) == (["sim-0002"], {"availability_zone": "north"})
    set_metadata = {"metadata": {"ssd": "true"}}
    found = (await act(cloud, number, "set_metadata", set_metadata)).body["aggregate"]
    assert found["metadata"] == {"availability_zone": "north", "ssd": "true"}
    zones = {zone["zoneName"] for zone in (await get(cloud, "/os-availability-zone"))["availabilityZoneInfo"]}
    assert zones == {"nova", "north"}
    server = await cloud.boot(availability_zone="north")
    assert server["OS-EXT-SRV-ATTR:host"] == "sim-0002" and server["OS-EXT-AZ:availability_zone"] == "north"
    busy = await act(cloud, number, "remove_host", {"host": "sim-0002"})
    assert busy.status in (200, 409)
    await cloud.forget()
    if busy.status == 409:
        assert (await act(cloud, number, "remove_host", {"host": "sim-0002"})).status == 200
    renamed = await cloud.compute("PUT", f"/os-aggregates/{number}", {"aggregate": {"name": "slow"}})
    assert renamed.body["aggregate"]["name"] == "slow"
    assert "uuid" not in renamed.body["aggregate"]
    shown = (await get(cloud, f"/os-aggregates/{number}", "2.41"))["aggregate"]
    assert len(shown["uuid"]) == 36
    assert await status(cloud, "DELETE", f"/os-aggregates/{number}", "2.1") == 200
    assert await status(cloud, "GET", f"/os-aggregates/{number}", "2.1") == 404


async def test_aggregates_refused(cloud: SimulatedCloud) -> None:
    number = await aggregate(cloud, "one")
    bad: list[tuple[str, str, Any, int]] = [
        ("POST", "", {"aggregate": {}}, 400),
        ("POST", "", {"aggregate": {"name": ""}}, 400),
        ("POST", "", {"aggregate": {"name": "x" * 256}}, 400),
        ("POST", "", {"aggregate": {"name": "one"}}, 409),
        ("POST", "", {"aggregate": {"name": "two", "availability_zone": "a:b"}}, 400),
        ("POST", "", {"aggregate": {"name": "two", "colour": "red"}}, 400),
        ("PUT", f"/{number}", {"aggregate": {}}, 400),
        ("PUT", "/99", {"aggregate": {"name": "x"}}, 404),
        ("GET", "/99", None, 404),
        ("GET", "/x", None, 400),
        ("DELETE", "/99", None, 404),
        ("POST", f"/{number}/action", {"add_host": {"host": "nowhere"}}, 404),
        ("POST", f"/{number}/action", {"add_host": {}}, 400),
        ("POST", f"/{number}/action", {"remove_host": {"host": "sim-0001"}}, 404),
        ("POST", f"/{number}/action", {"set_metadata": {"metadata": {"k": 1}}}, 400),
        ("POST", f"/{number}/action", {"dance": {}}, 400),
        ("POST", "/99/action", {"add_host": {"host": "sim-0001"}}, 404),
    ]
    for method, path, body, expected in bad:
        assert await status(cloud, method, "/os-aggregates" + path, "2.104", body) == expected, (method, path, body)
    assert (await act(cloud, number, "add_host", {"host": "sim-0001"})).status == 200
    assert (await act(cloud, number, "add_host", {"host": "sim-0001"})).status == 409
    assert await status(cloud, "DELETE", f"/os-aggregates/{number}", "2.1") == 400
    await act(cloud, number, "remove_host", {"host": "sim-0001"})
    await cloud.compute("DELETE", f"/os-aggregates/{number}")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/os-hypervisors", None),
        ("GET", "/os-hypervisors/detail", None),
        ("GET", "/os-services", None),
        ("PUT", "/os-services/enable", {"host": "sim-0001", "binary": "nova-compute"}),
        ("GET", "/os-availability-zone/detail", None),
        ("GET", "/os-aggregates", None),
        ("POST", "/os-aggregates", {"aggregate": {"name": "x"}}),
        ("GET", "/os-hosts", None),
        ("GET", "/os-simple-tenant-usage", None),
        ("GET", "/os-quota-class-sets/default", None),
    ],
)
async def test_members_may_not(cloud: SimulatedCloud, method: str, path: str, body: Any) -> None:
    answer = await cloud.compute(method, path, body, user="demo")
    assert (answer.status, answer.fault[0]) == (403, "forbidden")
