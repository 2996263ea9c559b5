"""What is done to servers over HTTP, and what becomes of them (ACT-001 to ACT-026, LAUNCH-024 to LAUNCH-034)."""

import asyncio
from typing import Any

import msgspec
import pytest

from harness.simulated_cloud import Answer, Rule, SimulatedCloud
from unkai.compute.service.wanted import wanted_on
from unkai.node.simulated.faults import Failure
from unkai.placement import service as placement

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_servers_left", "no_faults_left")]

NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def no_faults_left(cloud: SimulatedCloud) -> Any:
    yield
    cloud.faults.replace([])


async def act(cloud: SimulatedCloud, server_id: str, action: str, content: Any = None, user: str = "demo") -> Answer:
    return await cloud.compute("POST", f"/servers/{server_id}/action", {action: content}, user=user, version="2.104")


async def start_create(cloud: SimulatedCloud, **fields: Any) -> str:
    body = {"name": "one", "flavorRef": "1", "imageRef": cloud.image, "networks": "none", **fields}
    answer = await cloud.compute("POST", "/servers", {"server": body}, user="demo", version="2.100")
    assert answer.status == 202, answer.text
    return str(answer.body["server"]["id"])


async def held(cloud: SimulatedCloud, server_id: str) -> dict[str, Any]:
    """What placement keeps for a server."""
    found = await cloud.house.kit.db.read(placement.amounts_by_consumers, [server_id])
    return dict(found)


async def actions(cloud: SimulatedCloud, server_id: str, version: str = "2.104") -> list[str]:
    answer = await cloud.compute("GET", f"/servers/{server_id}/os-instance-actions", user="demo", version=version)
    assert answer.status == 200, answer.text
    return [action["action"] for action in answer.body["instanceActions"]]


async def test_a_life(cloud: SimulatedCloud) -> None:
    """Start, stop, reboot, delete; each with its task state, power state, instance action."""
    one = (await cloud.boot())["id"]
    cloud.faults.replace([Rule(verb="stop", delay=0.3)])
    assert (await act(cloud, one, "os-stop")).status == 202
    shown = await cloud.server(one)
    assert (shown["status"], shown["OS-EXT-STS:task_state"]) == ("ACTIVE", "powering-off")
    stopped = await cloud.settled(one, "SHUTOFF")
    assert (stopped["OS-EXT-STS:vm_state"], stopped["OS-EXT-STS:power_state"]) == ("stopped", 4)
    assert "progress" not in stopped
    assert (await act(cloud, one, "os-start")).status == 202
    assert (await cloud.settled(one, "ACTIVE"))["OS-EXT-STS:power_state"] == 1
    cloud.faults.replace([Rule(verb="reboot", delay=0.3)])
    for kind, status in (("SOFT", "REBOOT"), ("HARD", "HARD_REBOOT")):
        assert (await act(cloud, one, "reboot", {"type": kind})).status == 202
        assert (await cloud.server(one))["status"] == status
        await cloud.settled(one, "ACTIVE")
    assert (await cloud.compute("DELETE", f"/servers/{one}", user="demo")).status == 204
    await cloud.gone(one)
    assert await actions(cloud, one) == ["delete", "reboot", "reboot", "start", "stop", "create"]
    assert await held(cloud, one) == {}
    assert cloud.holders(one) == []
    gone = await cloud.compute("GET", f"/servers/{one}/os-instance-actions", user="demo", version="2.20")
    assert gone.status == 404, "before 2.21 a deleted server has no history"


async def test_states_refuse(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    refused = await act(cloud, one, "os-start")
    assert refused.status == 409
    assert refused.fault == ("conflictingRequest", f"Cannot 'start' instance {one} while it is in vm_state active")
    await act(cloud, one, "os-stop")
    assert (await act(cloud, one, "os-stop")).fault[1] == (
        f"Cannot 'stop' instance {one} while it is in task_state powering-off"
    )
    await cloud.settled(one, "SHUTOFF")
    assert (await act(cloud, one, "reboot", {"type": "SOFT"})).fault[1] == (
        f"Cannot 'reboot' instance {one} while it is in vm_state stopped"
    )
    assert (await act(cloud, one, "reboot", {"type": "HARD"})).status == 202
    await cloud.settled(one, "ACTIVE")


async def test_actions_that_race(cloud: SimulatedCloud) -> None:
    """Many at once: one of them wins, the others are refused."""
    one = (await cloud.boot())["id"]
    answers = await asyncio.gather(*(act(cloud, one, "os-stop") for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409, 409]
    await cloud.settled(one, "SHUTOFF")
    assert await actions(cloud, one) == ["stop", "create"]


BAD_ACTIONS: list[Any] = [
    {},
    {"os-start": None, "os-stop": None},
    {"fly": None},
    {"reboot": None},
    {"reboot": {}},
    {"reboot": {"type": "GENTLE"}},
    {"reboot": {"type": "SOFT", "when": "now"}},
    {"os-resetState": {"state": "happy"}},
    {"addSecurityGroup": {"name": ""}},
    {"addSecurityGroup": None},
    {"os-getConsoleOutput": {"length": "a"}},
    {"os-getConsoleOutput": {"length": -2}},
    {"lock": {"locked_reason": ""}},
    {"lock": {"locked_reason": "x" * 256}},
    {"lock": {"why": "x"}},
    {"resize": {"flavorRef": "2"}},
    {"pause": None},
    [],
    "os-start",
    None,
]


async def test_bad_actions(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    for body in BAD_ACTIONS:
        answer = await cloud.compute("POST", f"/servers/{one}/action", body, version="2.104")
        assert (answer.status, answer.fault[0]) == (400, "badRequest"), (body, answer.text)
    elsewhere = await cloud.compute("POST", f"/servers/{NOWHERE}/action", {"os-start": None})
    assert (elsewhere.status, elsewhere.fault[0]) == (404, "itemNotFound")


async def test_who_may_act(cloud: SimulatedCloud) -> None:
    """Another project's server is not there; what only administrators do is forbidden."""
    own = (await cloud.boot())["id"]
    other = (await cloud.boot(user="admin"))["id"]
    assert (await act(cloud, other, "os-stop")).status == 404
    assert (await cloud.compute("DELETE", f"/servers/{other}", user="demo")).status == 404
    assert (await act(cloud, own, "os-resetState", {"state": "active"})).status == 403
    assert (await cloud.compute("GET", f"/servers/{own}/diagnostics", user="demo")).status == 403
    assert (await cloud.compute("GET", "/servers", user=None)).status == 401


async def test_locks(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    assert (await act(cloud, one, "lock", {"locked_reason": "do not touch"})).status == 202
    shown = await cloud.server(one)
    assert (shown["locked"], shown["locked_reason"]) == (True, "do not touch")
    for refused in (
        await act(cloud, one, "os-stop"),
        await cloud.compute("DELETE", f"/servers/{one}", user="demo"),
        await cloud.compute("POST", f"/servers/{one}/metadata", {"metadata": {"a": "b"}}, user="demo"),
    ):
        assert refused.fault == ("conflictingRequest", f"Instance {one} is locked")
    assert (await act(cloud, one, "unlock")).status == 202
    assert (await act(cloud, one, "lock", user="admin")).status == 202
    assert (await act(cloud, one, "unlock")).status == 403, "what an administrator locked, a member does not unlock"
    assert (await act(cloud, one, "os-stop", user="admin")).status == 202, "administrators pass"
    await cloud.settled(one, "SHUTOFF")


async def test_reset_state(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    assert (await act(cloud, one, "os-resetState", {"state": "error"}, user="admin")).status == 202
    assert (await cloud.server(one))["status"] == "ERROR"
    assert (await act(cloud, one, "reboot", {"type": "HARD"})).status == 202

    async def active() -> bool:
        return bool((await cloud.server(one))["status"] == "ACTIVE")

    await cloud.until(active)


# --- builds that fail


async def test_nowhere_to_go(cloud: SimulatedCloud) -> None:
    """The fault counts the hosts and says why each kind was turned down; nothing is held afterwards."""
    huge = {"flavor": {"name": "huge", "ram": 9_000_000, "vcpus": 1, "disk": 1, "id": "huge"}}
    await cloud.compute("POST", "/flavors", huge)
    await cloud.compute("PUT", f"/os-quota-sets/{cloud.projects['demo']}", {"quota_set": {"ram": -1}})
    one = await start_create(cloud, flavorRef="huge")
    failed = await cloud.settled(one, "ERROR")
    assert failed["fault"]["code"] == 500
    assert failed["fault"]["message"].startswith("No valid host was found.")
    assert "2 hosts" in failed["fault"]["message"] and "memory" in failed["fault"]["message"].lower()
    assert (failed["OS-EXT-SRV-ATTR:host"], failed["hostId"], failed["addresses"]) == (None, "", {})
    assert await held(cloud, one) == {}
    (action,) = (await cloud.compute("GET", f"/servers/{one}/os-instance-actions", user="demo")).body[
        "instanceActions"
    ]
    assert (action["action"], action["message"]) == ("create", "Error")
    await cloud.compute("DELETE", f"/flavors/{huge['flavor']['id']}")
    await cloud.compute("DELETE", f"/os-quota-sets/{cloud.projects['demo']}")


async def test_a_failed_build_moves_on(cloud: SimulatedCloud) -> None:
    """A host that cannot is left with nothing; another one gets the server."""
    network = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "moving"}}, user="demo")
    net = network.body["network"]["id"]
    subnet = {"network_id": net, "ip_version": 4, "cidr": "10.7.0.0/24"}
    await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    cloud.faults.replace([Rule(verb="create", times=1, fail=Failure("disk_full", "no space left"))])
    one = await start_create(cloud, networks=[{"uuid": net}])
    built = await cloud.settled(one, "ACTIVE")
    assert len(await held(cloud, one)) == 1
    assert cloud.holders(one) == [built["OS-EXT-SRV-ATTR:host"]]
    assert len(built["addresses"]["moving"]) == 1
    (action,) = (await cloud.compute("GET", f"/servers/{one}/os-instance-actions", version="2.84")).body[
        "instanceActions"
    ]
    assert action["message"] is None
    path = f"/servers/{one}/os-instance-actions/{action['request_id']}"
    events = (await cloud.compute("GET", path, version="2.84")).body["instanceAction"]["events"]
    spawns = [event for event in events if event["event"] == "compute__do_build_and_run_instance"]
    assert {event["result"] for event in spawns} == {"Success", "Error"}
    assert any("no space left" in (event["details"] or "") for event in spawns)
    assert {event["host"] for event in spawns} == {"sim-0001", "sim-0002"}


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_build_that_fails_everywhere(cloud: SimulatedCloud, elsewhere: bool) -> None:
    network = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "lost"}}, user="demo")
    net = network.body["network"]["id"]
    subnet = {"network_id": net, "ip_version": 4, "cidr": "10.8.0.0/24"}
    await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    cloud.faults.replace([Rule(verb="create", fail=Failure("bad_image", "the image is broken", elsewhere=elsewhere))])
    one = await start_create(cloud, networks=[{"uuid": net}])
    failed = await cloud.settled(one, "ERROR")
    assert "the image is broken" in failed["fault"]["message"]
    assert await held(cloud, one) == {}
    assert cloud.holders(one) == []
    ports = await cloud.call("GET", f"/network/v2.0/ports?device_id={one}", user="demo")
    assert ports.body["ports"] == []
    assert (await act(cloud, one, "os-start")).status == 409
    await cloud.compute("DELETE", f"/servers/{one}", user="demo")
    await cloud.gone(one)
    await cloud.call("DELETE", f"/network/v2.0/networks/{net}", user="demo")


async def test_delete_while_building(cloud: SimulatedCloud) -> None:
    """The build is cancelled and undone, then the server goes; a second request changes nothing."""
    cloud.faults.replace([Rule(verb="create", delay=30.0)])
    one = await start_create(cloud)

    async def spawning() -> bool:
        return bool((await cloud.server(one))["OS-EXT-STS:task_state"] == "spawning")

    await cloud.until(spawning)
    for _ in range(2):
        assert (await cloud.compute("DELETE", f"/servers/{one}", user="demo")).status == 204
    await cloud.gone(one)
    assert await held(cloud, one) == {}
    assert cloud.holders(one) == []
    assert await actions(cloud, one) == ["delete", "create"]
    usage = (await cloud.compute("GET", "/limits", user="demo")).body["limits"]["absolute"]
    assert usage["totalInstancesUsed"] == 0


async def test_delete_at_once(cloud: SimulatedCloud) -> None:
    ids = [await start_create(cloud) for _ in range(5)]
    for one in ids:
        assert (await cloud.compute("DELETE", f"/servers/{one}", user="demo")).status == 204
    for one in ids:
        await cloud.gone(one)
        assert await held(cloud, one) == {}
        assert cloud.holders(one) == []


async def test_actions_that_fail_on_the_host(cloud: SimulatedCloud) -> None:
    """The server is what it was; a hard reboot that failed leaves ERROR, from which another may be tried."""
    one = (await cloud.boot())["id"]
    cloud.faults.replace([Rule(verb="stop", fail=Failure("broken", "it does not stop", elsewhere=False))])
    await act(cloud, one, "os-stop")
    assert (await cloud.settled(one, "ACTIVE"))["OS-EXT-STS:power_state"] == 1
    cloud.faults.replace([Rule(verb="reboot", fail=Failure("broken", "it does not come back", elsewhere=False))])
    await act(cloud, one, "reboot", {"type": "HARD"})
    failed = await cloud.settled(one, "ERROR")
    assert failed["fault"]["message"] == "it does not come back"
    cloud.faults.replace([])
    await act(cloud, one, "reboot", {"type": "HARD"})

    async def active() -> dict[str, Any] | None:
        found = await cloud.server(one)
        return found if found["status"] == "ACTIVE" else None

    assert "fault" not in await cloud.until(active)


async def test_a_guest_that_stops_by_itself(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    cloud.happen(one, "shutdown")
    stopped = await cloud.settled(one, "SHUTOFF")
    assert stopped["OS-EXT-STS:power_state"] == 4
    await act(cloud, one, "os-start")
    await cloud.settled(one, "ACTIVE")
    cloud.happen(one, "crashed")
    await cloud.settled(one, "SHUTOFF")
    # Somebody starts it behind our back: it is stopped again.
    cloud.happen(one, "running")

    async def down() -> bool:
        return cloud.power(one) == "shutdown"

    await cloud.until(down)
    await cloud.settled(one, "SHUTOFF")


async def test_what_a_host_should_have(cloud: SimulatedCloud) -> None:
    running, stopped = await cloud.boot(name="r"), await cloud.boot(name="s")
    await act(cloud, stopped["id"], "os-stop")
    await cloud.settled(stopped["id"], "SHUTOFF")
    found = []
    for machine in cloud.machines:
        found += await cloud.house.kit.db.read(wanted_on, cloud.house.kit, machine.name)
    by_id = {one.guest.server_id: one for one in found}
    rendered, built = by_id[running["id"]].guest, cloud.guest(running["id"])
    # What opens the image for the host is made anew each time; all else is the same.
    assert msgspec.structs.replace(rendered, disks=[]) == msgspec.structs.replace(built, disks=[])
    assert {one.guest.server_id: one.power for one in found} == {running["id"]: "running", stopped["id"]: "shutdown"}


async def test_double_delete_and_404(cloud: SimulatedCloud) -> None:
    one = (await cloud.boot())["id"]
    await cloud.compute("DELETE", f"/servers/{one}", user="demo")
    await cloud.gone(one)
    answer = await cloud.compute("DELETE", f"/servers/{one}", user="demo")
    assert answer.fault == ("itemNotFound", f"Instance {one} could not be found.")
    for name in ("x", "%00", "1", "%ff", "a" * 300):
        assert (await cloud.compute("GET", f"/servers/{name}")).status == 404
