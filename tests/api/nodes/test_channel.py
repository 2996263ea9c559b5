"""The node channel as an agent sees it: register, poll for work, report, and what a stranger or a late one is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from unkai.contracts.reports import GuestStatus, Heartbeat, HostReport, Inventory
from unkai.contracts.steps import Answer, ConsoleOutput, DestroyGuest, PollRequest, Progress, StepError, StepResult
from unkai.kernel.context import Context
from unkai.kernel.flow import service as flow
from unkai.kernel.flow import store as flow_store
from unkai.kernel.flow.engine import Engine
from unkai.kernel.flow.model import FlowKind, FlowSpec, HostOrder, HostStep
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import defaults
from unkai.kernel.store import Database, Tx
from unkai.kernel.wake import Wake
from unkai.kernel.web.app import Application
from unkai.nodes import room, service
from unkai.nodes.errors import HostUnreachable
from unkai.nodes.peers import InProcessPeer
from unkai.nodes.settings import NodeChannel, NodesDefault
from unkai.placement import room as placement_room
from unkai.placement import service as placement

HOST_ID = "11111111-2222-3333-4444-555555555555"
REPORT = HostReport(
    host="h1",
    host_id=HOST_ID,
    hypervisor_hostname="h1.example",
    hypervisor_type="QEMU",
    hypervisor_version=7002000,
    driver="simulated",
    host_ip="127.0.0.1",
    cpu_info={"arch": "x86_64"},
    inventory=Inventory(8, 16000, 100, 15000, 90, 90),
    traits=["COMPUTE_NODE", "HW_CPU_X86_AVX2"],
)


class Input(msgspec.Struct, frozen=True):
    pass


SPEC = FlowSpec("test.host", Input, 60.0)


class Host:
    """The channel as one host's agent calls it; `peer` is what the listener would know about the connection."""

    def __init__(self, app: Any, peer: Any) -> None:
        async def with_peer(scope: Any, receive: Any, send: Any) -> None:
            scope["unkai.peer"] = peer
            await app(scope, receive, send)

        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(with_peer), base_url="http://channel")

    async def post(self, path: str, body: Any) -> httpx2.Response:
        return await self.client.post(f"/node/v1{path}", content=msgspec.json.encode(body))


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    wake = Wake()
    db = Database(f"sqlite:///{tmp_path}/n.db", ring=wake.ring)
    db.create_all()
    settings = defaults(NodesDefault(service_down_time=5), NodeChannel(step_lease_seconds=3.0))
    kit = Kit(db=db, wake=wake, settings=settings, policy=Policy(()), quota=Quota(()))
    yield kit
    db.close()


@pytest.fixture
async def app(kit: Kit) -> AsyncIterator[Any]:
    placement_room.build(kit)
    built = room.build(kit)
    order = HostOrder("h1", DestroyGuest("s1"), 30.0)
    kind = FlowKind(SPEC, (HostStep("spawn", lambda tx, run: order, lambda tx, run, data: {"got": data["x"]}),))
    tasks = [asyncio.create_task(Engine(kit.db, kit.wake, [kind]).run())]
    tasks += [asyncio.create_task(task(kit)) for task in built.background]  # type: ignore[arg-type]
    yield Application(kit, [built]).asgi
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def host(app: Any) -> Host:
    return Host(app, InProcessPeer("h1"))


async def start(kit: Kit) -> str:
    return await kit.db.run(flow.start, SPEC, "server:s1", Input(), Context(request_id="req-1"))


async def poll(host: Host, session: str = "a", **kw: Any) -> dict[str, Any]:
    answer = await host.post("/poll", PollRequest(session=session, wait_seconds=3.0, **kw))
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_registering_makes_host_and_provider(kit: Kit, host: Host) -> None:
    for _ in range(2):
        answer = await host.post("/register", REPORT)
        assert answer.json() == {"heartbeat_seconds": 10, "lease_seconds": 3.0}
    (found,) = await kit.db.read(service.hosts, kit)
    assert (found.host, found.up, found.zone, found.disabled) == ("h1", True, "nova", False)
    inventories = await kit.db.read(placement.inventories_by_providers, [HOST_ID])
    assert {
        name: (row.inventory.total, row.inventory.reserved, row.inventory.allocation_ratio)
        for name, row in inventories[HOST_ID].items()
    } == {
        "VCPU": (8, 0, 4.0),
        "MEMORY_MB": (16000, 512, 1.0),
        "DISK_GB": (100, 0, 1.0),
    }
    await kit.db.run(service.set_service, kit, found.service_id, disabled=True, reason="repair")
    traits = await kit.db.read(placement.traits_by_providers, [HOST_ID])
    assert set(traits[HOST_ID]) == {"COMPUTE_NODE", "HW_CPU_X86_AVX2", "COMPUTE_STATUS_DISABLED"}


async def test_work_is_polled_done_and_never_taken_from_a_late_one(kit: Kit, host: Host) -> None:
    await host.post("/register", REPORT)
    waiting = asyncio.create_task(poll(host))
    await asyncio.sleep(0.05)
    flow_id = await start(kit)
    (work,) = (await waiting)["work"]
    assert work["order"] == {"type": "guest.destroy", "server_id": "s1"}
    step, generation = work["step_id"], work["generation"]
    answer = await host.post(f"/steps/{step}/progress", Progress(generation, "copying", 1, 2))
    assert answer.json() == {"cancel": False}
    late = await host.post(f"/steps/{step}/result", StepResult(generation - 1, {"x": 0}))
    assert late.status_code == 409
    assert (await host.post(f"/steps/{step}/result", StepResult(generation, {"x": 5}))).status_code == 204
    for _ in range(100):
        row = await kit.db.read(flow_store.get, flow_id)
        assert row is not None
        if row["state"] == "done":
            break
        await asyncio.sleep(0.02)
    assert row["data"] == {"got": 5}


async def test_a_failed_step_tells_code_and_host(kit: Kit, host: Host) -> None:
    await host.post("/register", REPORT)
    flow_id = await start(kit)
    (work,) = (await poll(host))["work"]
    error = StepError("disk_full", "No space left", details="ENOSPC in /x")
    await host.post(f"/steps/{work['step_id']}/result", StepResult(work["generation"], error=error))
    for _ in range(100):
        row = await kit.db.read(flow_store.get, flow_id)
        assert row is not None
        if row["state"] == "failed":
            break
        await asyncio.sleep(0.02)
    assert (row["failure"]["code"], row["failure"]["host"], row["failure"]["details"]) == (
        "disk_full",
        "h1",
        "ENOSPC in /x",
    )


async def test_a_host_sees_only_its_own_work(kit: Kit, app: Any, host: Host) -> None:
    await host.post("/register", REPORT)
    await start(kit)
    other = Host(app, InProcessPeer("h2"))
    assert (await other.post("/poll", PollRequest(session="a", wait_seconds=0.2))).json()["work"] == []
    (work,) = (await poll(host))["work"]
    stolen = await other.post(f"/steps/{work['step_id']}/result", StepResult(work["generation"]))
    assert stolen.status_code == 409
    assert (await other.post("/register", REPORT)).status_code == 403


async def test_strangers_are_refused(app: Any) -> None:
    stranger = Host(app, None)
    stranger.client.headers["X-Unkai-Host"] = "h1"
    assert (await stranger.post("/register", REPORT)).status_code == 403
    assert (await stranger.client.get("/node/v1/wanted")).status_code == 403


async def test_ask_and_answer(kit: Kit, host: Host) -> None:
    await host.post("/register", REPORT)
    asked = asyncio.create_task(service.ask(kit, "h1", ConsoleOutput("s1", 10), 5.0))
    (ask,) = (await poll(host))["asks"]
    assert ask["question"] == {"type": "console.output", "server_id": "s1", "length": 10}
    await host.post(f"/asks/{ask['ask_id']}", Answer({"output": "login:"}))
    assert (await asked).data == {"output": "login:"}


async def test_an_ask_to_a_silent_host_ends(kit: Kit, host: Host) -> None:
    await host.post("/register", REPORT)
    with pytest.raises(HostUnreachable, match=r"no answer within 0\.2"):
        await service.ask(kit, "h1", ConsoleOutput("s1"), 0.2)


async def test_heartbeats_keep_a_host_up_and_power_states_are_passed_on(kit: Kit, host: Host) -> None:
    seen: list[Any] = []
    service.register_power(kit, lambda tx, name, guests, complete: seen.append((name, list(guests), complete)))
    await host.post("/register", REPORT)
    await host.post("/heartbeat", Heartbeat("a", 0.5, [GuestStatus("s1", "running")], complete=True))
    assert seen == [("h1", [GuestStatus("s1", "running")], True)]


async def test_images_open_by_capability_only(kit: Kit, app: Any, host: Host) -> None:
    async def read(image_id: str) -> AsyncIterator[bytes]:
        yield b"bytes of "
        yield image_id.encode()

    service.register_images(kit, read)
    good = service.image_capability(kit, "img", "h1")
    answer = await host.client.get("/node/v1/images/img", headers={"X-Unkai-Capability": good})
    assert (answer.status_code, answer.content) == (200, b"bytes of img")
    for who, path, note in (
        (host, "other", good),
        (host, "img", ""),
        (host, "img", good[:-2] + "xx"),
        (Host(app, InProcessPeer("h2")), "img", good),
    ):
        refused = await who.client.get(f"/node/v1/images/{path}", headers={"X-Unkai-Capability": note})
        assert refused.status_code == 403


async def test_zones_and_aggregates(kit: Kit, host: Host) -> None:
    await host.post("/register", REPORT)

    def zones(tx: Tx) -> dict[str, list[str]]:
        return {zone: [found.host for found in hosts] for zone, hosts in service.zones(tx, kit).items()}

    assert await kit.db.read(zones) == {"nova": ["h1"]}
    made = await kit.db.run(service.create_aggregate, "a", "az1")
    await kit.db.run(service.add_aggregate_host, kit, made.id, "h1")
    assert await kit.db.read(zones) == {"az1": ["h1"]}
    other = await kit.db.run(service.create_aggregate, "b", "az2")
    for call, error in (
        ((service.add_aggregate_host, kit, other.id, "h1"), "already"),
        ((service.add_aggregate_host, kit, made.id, "h1"), "already has host"),
        ((service.delete_aggregate, made.id), "not empty"),
        ((service.create_aggregate, "a", None), "already exists"),
        ((service.aggregate, 99), "could not be found"),
    ):
        with pytest.raises(Exception, match=error):
            await kit.db.run(*call)
