"""Starting what runs on a hypervisor host: one agent with the real driver, or many with simulated ones."""

import asyncio
import contextlib
import fcntl
import os
import signal
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx2

from unkai.kernel.log import get
from unkai.kernel.settings import Settings
from unkai.node.agent import Agent, Options
from unkai.node.channel import Channel, unix_client
from unkai.node.driver import Driver
from unkai.node.journal import Journal
from unkai.node.settings import Default, ImageCache, Libvirt, Paths, host_name, paths
from unkai.node.simulated.driver import SimulatedDriver
from unkai.node.simulated.faults import Faults
from unkai.node.simulated.hosts import Machine, fleet, machine
from unkai.node.simulated.settings import Simulated

__all__ = ["AgentRunning", "host_id", "run", "run_simulated"]

_log = get(__name__)


class AgentRunning(Exception):
    """Another agent runs for this state directory. The text says what to do."""


def run(
    settings: Settings,
    socket: Path,
    driver: Literal["libvirt", "simulated"] = "libvirt",
    virt_type: Literal["kvm", "qemu"] | None = None,
) -> None:
    """The agent of this host, until SIGTERM or SIGINT. `socket` is the control plane's node channel.

    `virt_type` is what a probe guest showed to work; it decides where the settings
    say auto. Raises AgentRunning, ValueError for settings that contradict each other.
    """
    where = paths(settings)
    where.state.mkdir(parents=True, exist_ok=True)
    with _only_agent(where.lock):
        asyncio.run(_until_signal(_one(settings, where, socket, driver, virt_type)))


async def _one(
    settings: Settings,
    where: Paths,
    socket: Path,
    kind: Literal["libvirt", "simulated"],
    virt_type: Literal["kvm", "qemu"] | None,
) -> None:
    host = host_name(settings)
    async with unix_client(socket) as client:
        channel = Channel(client, host)
        driver: Driver
        if kind == "simulated":
            driver = SimulatedDriver(machine(host), settings[Simulated])
        else:
            # Not before it is wanted: simulated clouds and documentation need no libvirt.
            from unkai.node.libvirt.driver import build

            driver = build(settings, where, host_id(where.host_id), _virt_type(settings, virt_type), channel.image)
        journal = Journal(where.journal)
        try:
            await Agent(driver, channel, journal, options(settings, where)).run()
        finally:
            journal.close()


def options(settings: Settings, where: Paths | None) -> Options:
    common, cache = settings[Default], settings[ImageCache]
    return Options(
        capacity=common.max_concurrent_builds,
        heal_seconds=common.heal_seconds,
        tidy_seconds=cache.manager_interval,
        resume=common.resume_guests_state_on_host_boot,
        unknown=common.running_deleted_instance_action,
        boot_record=where.boot_id if where else None,
    )


def _virt_type(settings: Settings, probed: Literal["kvm", "qemu"] | None) -> Literal["kvm", "qemu"]:
    chosen = settings[Libvirt].virt_type
    if chosen != "auto":
        return chosen
    if probed is None:
        raise ValueError(
            "[libvirt] virt_type is auto, but no probe has shown what works on this host: set kvm or qemu"
        )
    return probed


async def run_simulated(
    settings: Settings,
    connect: Callable[[str], httpx2.AsyncClient],
    machines: Sequence[Machine] | int,
    faults: Faults | None = None,
) -> None:
    """Agents of many simulated hosts in this process, until cancelled. `connect` gives the client of a host by its
    name; hosts may share one."""
    chosen = fleet(machines) if isinstance(machines, int) else machines
    rules = faults if faults is not None else Faults(settings[Simulated].faults_file)
    async with asyncio.TaskGroup() as group:
        for one in chosen:
            driver = SimulatedDriver(one, settings[Simulated], rules)
            agent = Agent(driver, Channel(connect(one.name), one.name), Journal(None), options(settings, None))
            group.create_task(agent.run(), name=f"agent {one.name}")


def host_id(record: Path) -> str:
    """The UUID that is this host's for good: its compute node and its resource provider. Made on the first start."""
    try:
        return str(uuid.UUID(record.read_text().strip()))
    except FileNotFoundError:
        pass
    fresh = record.with_name(f"{record.name}.new")
    with open(fresh, "w", encoding="ascii") as stream:
        stream.write(f"{uuid.uuid4()}\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(record)
    return record.read_text().strip()


@contextlib.contextmanager
def _only_agent(lock: Path) -> Iterator[None]:
    """Two agents on one state directory would each remove what the other makes."""
    with open(lock, "w", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AgentRunning(f"another agent holds {lock}: stop it, or give this one another state_path") from None
        yield


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in signal.SIGTERM, signal.SIGINT:
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    _log.info("agent stopped")
