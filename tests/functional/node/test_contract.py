"""The contract of a driver (`unkai.node.driver`), kept by the simulated one and by libvirt's alike."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import os_traits
import pytest

from harness import servers
from harness.host import Host
from unkai.contracts.guest import Disk, Guest, PowerState
from unkai.kernel import children
from unkai.kernel.children import Child
from unkai.kernel.clock import monotonic
from unkai.kernel.ids import is_uuid
from unkai.kernel.settings import defaults, load
from unkai.node.driver import Driver
from unkai.node.errors import GuestNotFound, GuestNotRunning
from unkai.node.job import Aborted, Job, Lost
from unkai.node.libvirt.driver import build
from unkai.node.main import host_id
from unkai.node.settings import paths
from unkai.node.simulated.driver import SimulatedDriver
from unkai.node.simulated.hosts import machine as simulated_machine
from unkai.node.simulated.settings import Simulated

pytestmark = pytest.mark.timeout(300)

LIBVIRT = [pytest.mark.root, pytest.mark.ovn, pytest.mark.libvirt, pytest.mark.guest]


@dataclass
class Subject:
    """The driver under test and the power changes it told."""

    driver: Driver
    told: list[tuple[str, PowerState]] = field(default_factory=list)

    async def open(self) -> None:
        await self.driver.open(lambda server_id, power: self.told.append((server_id, power)))

    async def make(self) -> Guest:
        guest = blank()
        await self.driver.create(job(), guest, servers.data(guest))
        return guest

    async def until(self, server_id: str, power: PowerState) -> None:
        until = monotonic() + 5
        while (server_id, power) not in self.told:
            assert monotonic() < until
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def no_images(image_id: str, capability: str) -> AsyncIterator[AsyncIterator[bytes]]:
    raise AssertionError("these guests have no image")
    yield


@contextlib.asynccontextmanager
async def on_libvirt(host: Host, folder: Path) -> AsyncIterator[Subject]:
    config = folder / "node.conf"
    config.write_text(
        f"[ovn]\novsdb_connection = {host.network.ovs}\n[libvirt]\nconnection_uri = {host.hypervisor.uri}\n"
    )
    settings = load([config], overrides={("DEFAULT", "state_path"): str(folder / "state")})
    where = paths(settings)
    where.state.mkdir()
    subject = Subject(build(settings, where, host_id(where.host_id), "qemu", no_images))
    await subject.open()
    try:
        yield subject
    finally:
        for server_id in await subject.driver.traces():
            await subject.driver.destroy(Job.unleased(server_id), server_id)
        await subject.driver.close()
        await asyncio.to_thread(children.stop, Child("metadata-proxy", (), where.children))


@pytest.fixture(params=["simulated", pytest.param("libvirt", marks=LIBVIRT)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "simulated":
        made = Subject(SimulatedDriver(simulated_machine("sim-0001"), defaults()[Simulated]))
        await made.open()
        yield made
        await made.driver.close()
        return
    host: Host = request.getfixturevalue("machine")
    async with on_libvirt(host, fresh_folder(host)) as made:
        yield made


def fresh_folder(host: Host) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="c", dir=host.folder))
    folder.chmod(0o711)
    return folder


def job() -> Job:
    return Job("step", "subject", 1, monotonic() + 60)


def blank() -> Guest:
    return servers.guest(disks=[Disk("ephemeral", "vda", "virtio", 1 << 20)], memory_mb=64)


def test_the_contract_stays_small() -> None:
    assert len(Driver.__abstractmethods__) <= 25
    assert all((getattr(Driver, name).__doc__ or "").strip() for name in Driver.__abstractmethods__)


async def test_report(subject: Subject) -> None:
    report = await subject.driver.report()
    assert report.driver == subject.driver.name
    assert is_uuid(report.host_id)
    assert report.hypervisor_hostname
    assert report.hypervisor_version >= 4_000_000
    assert report.traits == sorted(set(report.traits))
    assert set(report.traits) <= set(os_traits.get_traits())
    assert {"COMPUTE_NODE", "COMPUTE_IMAGE_TYPE_RAW", "COMPUTE_IMAGE_TYPE_QCOW2"} <= set(report.traits)
    found = report.inventory
    assert 0 < found.memory_mb_free <= found.memory_mb
    assert 0 <= found.disk_gb_free <= found.disk_gb
    assert found.vcpus == sum(len(cell.cpus) for cell in found.cells)
    assert ("x86_64", report.virt_type, "hvm") in report.supported
    assert {"arch", "model", "vendor", "topology", "features"} <= set(report.cpu_info)
    assert (await subject.driver.report()).host_id == report.host_id
    assert "load average" in await subject.driver.uptime()
    assert await subject.driver.load() >= 0


async def test_life(subject: Subject) -> None:
    driver, guest = subject.driver, blank()
    data = servers.data(guest)
    made = await driver.create(job(), guest, data)
    assert made["power_state"] == "running"
    assert made["virt_type"] == (await driver.report()).virt_type
    assert await driver.guests() == {guest.server_id: "running"}
    assert await driver.traces() == {guest.server_id}
    numbers = await driver.diagnostics(guest.server_id)
    assert (numbers["state"], numbers["num_disks"], numbers["num_nics"]) == ("running", 1, 0)
    assert isinstance(await driver.console_output(guest.server_id, 5), str)
    assert await driver.password(guest.server_id) == ""

    await driver.stop(job(), guest.server_id, 0)
    await driver.stop(job(), guest.server_id, 0)
    assert await driver.guests() == {guest.server_id: "shutdown"}
    with pytest.raises(GuestNotRunning):
        await driver.diagnostics(guest.server_id)
    for _ in range(2):
        await driver.start(job(), guest, data)
        assert await driver.guests() == {guest.server_id: "running"}
    await driver.reboot(job(), guest, data, hard=True, timeout=0)
    assert await driver.guests() == {guest.server_id: "running"}

    await driver.destroy(job(), guest.server_id)
    assert await driver.guests() == {}
    assert await driver.traces() == set()
    await driver.destroy(job(), guest.server_id)


async def test_creating_again_finds_what_is_there(subject: Subject) -> None:
    driver = subject.driver
    guest = await subject.make()
    again = await driver.create(Job("step", "subject", 2, monotonic() + 60), guest, servers.data(guest))
    assert again["power_state"] == "running"
    assert await driver.guests() == {guest.server_id: "running"}
    await driver.stop(job(), guest.server_id, 0)
    await driver.create(job(), guest, servers.data(guest))
    assert await driver.guests() == {guest.server_id: "running"}


async def test_a_soft_reboot_of_a_guest_that_does_not_listen(subject: Subject) -> None:
    guest = await subject.make()
    await subject.driver.reboot(job(), guest, servers.data(guest), hard=False, timeout=1)
    assert await subject.driver.guests() == {guest.server_id: "running"}


async def test_a_stop_of_a_guest_that_does_not_listen(subject: Subject) -> None:
    guest = await subject.make()
    await subject.driver.stop(job(), guest.server_id, 1)
    assert await subject.driver.guests() == {guest.server_id: "shutdown"}


async def test_a_guest_that_is_not_here(subject: Subject) -> None:
    driver, guest = subject.driver, blank()
    data = servers.data(guest)
    for verb in (
        driver.start(job(), guest, data),
        driver.stop(job(), guest.server_id, 0),
        driver.reboot(job(), guest, data, hard=True, timeout=0),
        driver.console_output(guest.server_id, None),
        driver.diagnostics(guest.server_id),
    ):
        with pytest.raises(GuestNotFound) as caught:
            await verb
        assert guest.server_id in caught.value.message
    await driver.refresh(data)
    await driver.destroy(job(), guest.server_id)
    assert await driver.traces() == set()


async def test_called_off_before_it_began(subject: Subject) -> None:
    guest, called_off = blank(), job()
    called_off.abort()
    with pytest.raises(Aborted):
        await subject.driver.create(called_off, guest, servers.data(guest))
    assert await subject.driver.traces() == set()


async def test_without_a_lease_nothing_is_changed(subject: Subject) -> None:
    driver, guest = subject.driver, await subject.make()
    over = Job("step", "subject", 2, monotonic() - 1)
    data = servers.data(guest)
    for verb in (
        driver.destroy(over, guest.server_id),
        driver.stop(over, guest.server_id, 0),
        driver.reboot(over, guest, data, hard=True, timeout=0),
    ):
        with pytest.raises(Lost):
            await verb
    other = blank()
    with pytest.raises(Lost):
        await driver.create(over, other, servers.data(other))
    assert await driver.guests() == {guest.server_id: "running"}
    assert await driver.traces() == {guest.server_id}


async def test_adopting_changes_no_power(subject: Subject) -> None:
    driver, guest = subject.driver, await subject.make()
    await driver.stop(job(), guest.server_id, 0)
    await driver.adopt(guest, servers.data(guest, revision=2), "running")
    assert await driver.guests() == {guest.server_id: "shutdown"}
    await driver.tidy([])
    assert await driver.traces() == {guest.server_id}


async def test_power_that_changes_by_itself_is_told(subject: Subject) -> None:
    guest = await subject.make()
    if isinstance(subject.driver, SimulatedDriver):
        subject.driver.happen(guest.server_id, "paused")
    else:
        connection = subject.driver._domains  # type: ignore[attr-defined]
        await connection.ask(lambda libvirt: libvirt.lookupByUUIDString(guest.server_id).suspend())
    await subject.until(guest.server_id, "paused")
