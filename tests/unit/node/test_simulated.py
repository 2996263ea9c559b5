"""Simulated hosts: the same in every process, believable, and able to fail as told."""

from pathlib import Path

import msgspec
import os_traits
import pytest

from harness import servers
from unkai.contracts.guest import Disk
from unkai.kernel.settings import defaults
from unkai.node.errors import FlavorDiskTooSmall, OutOfMemory, StepFailed
from unkai.node.job import Job
from unkai.node.simulated.driver import SimulatedDriver
from unkai.node.simulated.faults import Failure, Faults, Rule
from unkai.node.simulated.hosts import fleet, machine
from unkai.node.simulated.settings import Simulated


def driver(faults: Faults | None = None) -> SimulatedDriver:
    return SimulatedDriver(machine("sim-0001"), defaults()[Simulated], faults or Faults())


def test_a_fleet_is_the_same_each_time_and_mixed() -> None:
    machines = fleet(2000)
    assert len({one.name for one in machines}) == len({one.host_id for one in machines}) == 2000
    assert len({one.address for one in machines}) == 2000
    assert len({one.generation.model for one in machines}) == 5
    assert fleet(2000) == machines
    assert machines[0].name == "sim-0001"
    assert machine("sim-0001").host_id == machines[0].host_id


def test_traits_are_all_known_to_os_traits() -> None:
    known = set(os_traits.get_traits())
    for one in fleet(50):
        assert set(one.traits) <= known
        assert "HW_CPU_X86_AVX2" in one.traits
        assert sum(cell.memory_mb for cell in one.cells) <= one.memory_mb
        assert [cpu for cell in one.cells for cpu in cell.cpus] == list(range(one.vcpus))


async def test_creating_twice_is_creating_once() -> None:
    host = driver()
    guest = servers.guest()
    for generation in 1, 2:
        job = Job("s", "x", generation, float("inf"))
        assert (await host.create(job, guest, servers.data(guest)))["power_state"] == "running"
    assert await host.guests() == {guest.server_id: "running"}
    assert (await host.console_output(guest.server_id, None)).count("Linux version") == 1


async def test_memory_runs_out() -> None:
    host = driver()
    big = servers.guest(memory_mb=machine("sim-0001").memory_mb)
    await host.create(Job.unleased("x"), big, servers.data(big))
    with pytest.raises(OutOfMemory):
        small = servers.guest(memory_mb=1)
        await host.create(Job.unleased("y"), small, servers.data(small))
    assert await host.traces() == {big.server_id}


async def test_an_image_larger_than_the_disk() -> None:
    guest = servers.guest(disks=[Disk("root", "vda", "virtio", 1 << 20, image=servers.image(size=2 << 20))])
    with pytest.raises(FlavorDiskTooSmall) as caught:
        await driver().create(Job.unleased("x"), guest, servers.data(guest))
    report = caught.value.report()
    assert report.code == "flavor_disk_too_small"
    assert not report.elsewhere
    assert report.message == (
        "Flavor's disk is too small for requested image. Flavor disk is 1048576 bytes, image is 2097152 bytes."
    )


async def test_faults_by_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    faults = Faults(path)
    host = driver(faults)
    guest = servers.guest()
    rule = Rule(host="sim-*", verb="create", times=1, fail=Failure("disk_full", "no space"))
    path.write_bytes(msgspec.json.encode([rule]))
    with pytest.raises(StepFailed) as caught:
        await host.create(Job.unleased("x"), guest, servers.data(guest))
    assert caught.value.report().code == "disk_full"
    assert await host.traces() == set()
    await host.create(Job.unleased("x"), guest, servers.data(guest))

    path.write_bytes(msgspec.json.encode([Rule(verb="stop", server=guest.server_id, fail=Failure("x"))]))
    with pytest.raises(StepFailed):
        await host.stop(Job.unleased("x"), guest.server_id, 0)
    path.write_text("[{]")
    with pytest.raises(StepFailed):
        await host.stop(Job.unleased("x"), guest.server_id, 0)
    path.unlink()
    await host.stop(Job.unleased("x"), guest.server_id, 0)


async def test_older_data_never_replaces_newer() -> None:
    host = driver()
    guest = servers.guest()
    await host.create(Job.unleased("x"), guest, servers.data(guest, revision=5, hostname="new"))
    await host.refresh(servers.data(guest, revision=4, hostname="old"))
    assert "new login:" in await host.console_output(guest.server_id, None)
    await host.refresh(servers.data(guest, revision=6, hostname="newest"))
    assert "newest login:" in await host.console_output(guest.server_id, None)
