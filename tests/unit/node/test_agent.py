"""An agent against a control plane: work, leases, fencing, call-offs, outages, reconciling."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from harness import servers
from harness.control_plane import ControlPlane
from unkai.contracts.reports import GuestStatus
from unkai.contracts.steps import (
    ConsoleOutput,
    CreateGuest,
    DestroyGuest,
    Diagnostics,
    GuestPassword,
    RebootGuest,
    RefreshData,
    StartGuest,
    StopGuest,
    Uptime,
    Wanted,
)
from unkai.kernel.settings import defaults
from unkai.node.agent import Agent, Options
from unkai.node.channel import Channel
from unkai.node.journal import Journal
from unkai.node.simulated.driver import SimulatedDriver
from unkai.node.simulated.faults import Failure, Faults, Rule
from unkai.node.simulated.hosts import machine
from unkai.node.simulated.settings import Simulated


class Host:
    """A simulated host with its agent running against `plane`."""

    def __init__(self, plane: ControlPlane, options: Options | None = None, journal: Path | None = None) -> None:
        self.plane = plane
        self.faults = Faults()
        self.driver = SimulatedDriver(machine("sim-0001"), defaults()[Simulated], self.faults)
        self.options = options or Options(poll_seconds=2.0, heal_seconds=0.5)
        self.journal_path = journal
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.plane), base_url="http://channel")
        self.journal = Journal(self.journal_path)
        self.agent = Agent(self.driver, Channel(client, "sim-0001"), self.journal, self.options)
        self._task = asyncio.create_task(self.agent.run())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self.journal.close()


@pytest.fixture
async def plane() -> ControlPlane:
    return ControlPlane(lease=1.5, heartbeat=0.2)


@pytest.fixture
async def host(plane: ControlPlane) -> AsyncIterator[Host]:
    host = Host(plane)
    await host.start()
    await plane.until(lambda: plane.beats)
    yield host
    await host.stop()


def subject(server_id: str) -> str:
    return f"server:{server_id}"


async def test_registers_and_beats_completely_first(plane: ControlPlane, host: Host) -> None:
    (report,) = plane.reports
    assert report.host == report.hypervisor_hostname == "sim-0001"
    assert report.driver == "simulated"
    assert report.inventory.vcpus > 0
    assert "HW_CPU_X86_AVX2" in report.traits
    assert report.traits == sorted(set(report.traits))
    await plane.until(lambda: len(plane.beats) >= 2)
    assert plane.beats[0].complete
    assert not plane.beats[1].complete
    assert plane.beats[1].guests == []


async def test_a_server_lives_and_goes(plane: ControlPlane, host: Host) -> None:
    guest = servers.guest()
    data = servers.data(guest)
    whose = subject(guest.server_id)
    made = await plane.finish(CreateGuest(guest, data), whose)
    assert made.error is None
    assert made.data["power_state"] == "running"
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running")

    assert (await plane.finish(StopGuest(guest.server_id, 1), whose)).error is None
    await plane.until(lambda: plane.powers.get(guest.server_id) == "shutdown")
    assert (await plane.finish(StartGuest(guest, data), whose)).data == {"power_state": "running"}
    assert (await plane.finish(RebootGuest(guest, data, hard=False, timeout=1), whose)).error is None
    assert (await plane.finish(RefreshData(servers.data(guest, revision=2)), whose)).error is None

    output = await plane.ask(ConsoleOutput(guest.server_id, 2))
    assert output.error is None
    assert str(output.data["output"]).splitlines()[-1] == "web.novalocal login: "
    assert len(str(output.data["output"]).splitlines()) == 2
    numbers = await plane.ask(Diagnostics(guest.server_id))
    assert numbers.data["num_cpus"] == 1
    assert (await plane.ask(GuestPassword(guest.server_id))).data == {"password": ""}
    assert "load average" in str((await plane.ask(Uptime())).data["uptime"])

    assert (await plane.finish(DestroyGuest(guest.server_id), whose)).error is None
    assert await host.driver.traces() == set()
    assert (await plane.finish(DestroyGuest(guest.server_id), whose)).error is None
    gone = await plane.ask(ConsoleOutput(guest.server_id))
    assert gone.error is not None
    assert gone.error.code == "guest_not_found"


async def test_a_power_change_is_told_once(plane: ControlPlane, host: Host) -> None:
    guest = servers.guest()
    await plane.finish(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: plane.powers.get(guest.server_id) == "running")
    host.driver.happen(guest.server_id, "crashed")
    await plane.until(lambda: plane.powers.get(guest.server_id) == "crashed")
    told = [beat for beat in plane.beats if GuestStatus(guest.server_id, "crashed") in beat.guests]
    await plane.until(lambda: len(plane.beats) > plane.beats.index(told[0]) + 3)
    assert sum(GuestStatus(guest.server_id, "crashed") in beat.guests for beat in plane.beats) == 1


async def test_failures_carry_their_code(plane: ControlPlane, host: Host) -> None:
    host.faults.replace([Rule(verb="create", fail=Failure("disk_full", "no space", elsewhere=True))])
    guest = servers.guest()
    result = await plane.finish(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    assert result.error is not None
    assert (result.error.code, result.error.message, result.error.elsewhere) == ("disk_full", "no space", True)
    assert await host.driver.traces() == set()


async def test_an_unknown_order_is_refused_and_the_others_go_on(plane: ControlPlane, host: Host) -> None:
    strange = plane.order({"type": "guest.teleport", "server_id": "x"}, "server:x")
    guest = servers.guest()
    result = await plane.finish(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    assert result.error is None
    await plane.until(lambda: strange.result is not None)
    assert strange.result is not None
    assert strange.result.error is not None
    assert strange.result.error.code == "unsupported"


async def test_one_step_at_a_time_for_a_server(plane: ControlPlane, host: Host) -> None:
    host.faults.replace([Rule(verb="create", delay=0.4)])
    guest = servers.guest()
    create = plane.order(CreateGuest(guest, servers.data(guest)), "a")
    destroy = plane.order(DestroyGuest(guest.server_id), "b")
    await plane.until(lambda: destroy.result is not None)
    assert create.result is not None
    assert create.result.error is None
    assert await host.driver.traces() == set()


async def test_capacity_is_kept(plane: ControlPlane) -> None:
    host = Host(plane, Options(capacity=2, poll_seconds=1.0))
    host.faults.replace([Rule(verb="create", delay=1.0)])
    await host.start()
    try:
        wanted = [servers.guest() for _ in range(4)]
        steps = [plane.order(CreateGuest(guest, servers.data(guest)), guest.server_id) for guest in wanted]
        await plane.until(lambda: sum(step.state == "leased" for step in steps) == 2)
        await asyncio.sleep(0.3)
        assert sum(step.state == "leased" for step in steps) == 2
        await plane.until(lambda: all(step.result for step in steps))
    finally:
        await host.stop()


async def test_long_work_keeps_its_lease(plane: ControlPlane, host: Host) -> None:
    host.faults.replace([Rule(verb="create", delay=4.0)])
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: step.result is not None)
    assert step.given == 1
    assert len(step.progress) >= 2
    assert step.result is not None
    assert step.result.error is None


async def test_called_off_work_is_undone_and_reported(plane: ControlPlane, host: Host) -> None:
    host.faults.replace([Rule(verb="create", delay=30.0)])
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: step.state == "leased")
    plane.cancel(step)
    await plane.until(lambda: step.result is not None)
    assert step.result is not None
    assert step.result.error is not None
    assert step.result.error.code == "cancelled"
    assert await host.driver.traces() == set()


async def test_lost_work_is_dropped_and_done_again_at_the_next_generation(plane: ControlPlane, host: Host) -> None:
    host.faults.replace([Rule(verb="create", delay=30.0, times=1)])
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: step.state == "leased")
    plane.take_away(step)
    await plane.until(lambda: step.result is not None)
    assert step.generation == 2
    assert step.result is not None
    assert step.result.generation == 2
    assert step.result.error is None


async def test_work_stops_when_the_control_plane_is_away_for_longer_than_the_lease(
    plane: ControlPlane, host: Host
) -> None:
    host.faults.replace([Rule(verb="create", delay=3.0, times=1)])
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: step.state == "leased")
    plane.down = True
    await asyncio.sleep(2.5)
    assert host.agent._workers.running() == {}
    assert await host.driver.traces() == set()
    plane.down = False
    await plane.until(lambda: step.result is not None)
    assert step.generation == 2
    assert await host.driver.traces() == {guest.server_id}


async def test_a_result_is_repeated_until_it_is_acknowledged(plane: ControlPlane, host: Host) -> None:
    answers = iter([503, 500, None])
    plane.refuse = lambda path: next(answers, None) if path.endswith("/result") else None
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: step.result is not None)
    posted = [status for _, path, status in plane.calls if path.endswith("/result")]
    assert posted == [503, 500, 204]
    assert step.given == 1


async def test_a_stale_result_is_dropped(plane: ControlPlane, host: Host) -> None:
    plane.refuse = lambda path: 409 if path.endswith("/result") else None
    guest = servers.guest()
    step = plane.order(CreateGuest(guest, servers.data(guest)), subject(guest.server_id))
    await plane.until(lambda: any(status == 409 for _, _, status in plane.calls))
    await plane.until(lambda: not host.agent._workers.running())
    assert step.result is None
    assert [status for _, path, status in plane.calls if path.endswith("/result")][:1] == [409]


async def test_an_order_older_than_one_seen_is_not_begun(plane: ControlPlane, tmp_path: Path) -> None:
    guest = servers.guest()
    journal = Journal(tmp_path / "journal")
    assert journal.accept("s", 3)
    journal.close()
    host = Host(plane, journal=tmp_path / "journal")
    await host.start()
    try:
        step = plane.order(CreateGuest(guest, servers.data(guest)), "s")
        # Given out anew each time its lease ends, at the next generation, until it is none of the past.
        await plane.until(lambda: step.result is not None)
        assert step.generation == 3
    finally:
        await host.stop()


async def test_what_does_not_belong_here_is_removed_when_the_agent_starts(plane: ControlPlane) -> None:
    host = Host(plane)
    await host.start()
    mine, stranger, busy = servers.guest(), servers.guest(), servers.guest()
    for guest in mine, stranger, busy:
        assert (await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id)).error is None
    await host.stop()
    plane.wanted = [
        Wanted(mine, servers.data(mine), "running"),
        Wanted(busy, servers.data(busy), "any", busy=True),
    ]
    plane.beats.clear()
    await host.start()
    await plane.until(lambda: plane.beats)
    assert await host.driver.traces() == {mine.server_id, busy.server_id}
    assert plane.powers == {mine.server_id: "running", busy.server_id: "running"}
    await host.stop()


@pytest.mark.parametrize(
    ("action", "power"), [("noop", "running"), ("log", "running"), ("shutdown", "shutdown"), ("reap", None)]
)
async def test_a_running_guest_nobody_knows(
    plane: ControlPlane, action: Literal["noop", "log", "shutdown", "reap"], power: str | None
) -> None:
    host = Host(plane, Options(unknown=action))
    running, stopped = servers.guest(), servers.guest()
    for guest in running, stopped:
        await host.driver.adopt(guest, servers.data(guest), "running")
    host.driver.happen(stopped.server_id, "shutdown")
    await host.start()
    await plane.until(lambda: plane.beats)
    assert plane.powers == ({} if power is None else {running.server_id: power})
    await host.stop()


@pytest.mark.parametrize(
    ("rebooted", "resume", "power"),
    [(True, True, "running"), (True, False, "shutdown"), (False, True, "shutdown")],
)
async def test_guests_after_a_reboot_of_the_host(
    plane: ControlPlane, tmp_path: Path, rebooted: bool, resume: bool, power: str
) -> None:
    record = tmp_path / "boot-id"
    host = Host(plane, Options(resume=resume, boot_record=record))
    guest = servers.guest()
    await host.driver.adopt(guest, servers.data(guest), "running")
    host.driver.happen(guest.server_id, "shutdown")
    if rebooted:
        record.write_text("another boot")
    plane.wanted = [Wanted(guest, servers.data(guest), "running")]
    await host.start()
    await plane.until(lambda: plane.beats)
    assert plane.powers == {guest.server_id: power}
    await host.stop()


async def test_simulated_guests_outlive_their_process(plane: ControlPlane) -> None:
    running, stopped, building = servers.guest(), servers.guest(), servers.guest()
    plane.wanted = [
        Wanted(running, servers.data(running), "running"),
        Wanted(stopped, servers.data(stopped), "shutdown"),
        Wanted(building, servers.data(building), "any", busy=True),
    ]
    host = Host(plane)
    await host.start()
    await plane.until(lambda: plane.beats)
    assert plane.powers == {running.server_id: "running", stopped.server_id: "shutdown"}
    await host.stop()


async def test_a_control_plane_that_forgot_the_host_is_told_everything_again(plane: ControlPlane, host: Host) -> None:
    plane.known = False
    plane.beats.clear()
    await plane.until(lambda: len(plane.reports) >= 2)
    await plane.until(lambda: plane.beats)
    assert plane.beats[0].complete


async def test_starts_while_the_control_plane_is_down(plane: ControlPlane) -> None:
    plane.down = True
    host = Host(plane)
    await host.start()
    await asyncio.sleep(0.3)
    plane.down = False
    await plane.until(lambda: plane.beats)
    await host.stop()


async def test_a_changed_host_is_reported_again(plane: ControlPlane, host: Host) -> None:
    guest = servers.guest(memory_mb=64 * 1024)
    free = plane.reports[0].inventory.memory_mb_free
    await plane.finish(CreateGuest(guest, servers.data(guest)), guest.server_id)
    await plane.until(lambda: len(plane.reports) >= 2)
    assert plane.reports[-1].inventory.memory_mb_free == free - 64 * 1024
