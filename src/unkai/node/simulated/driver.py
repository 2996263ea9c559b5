"""The driver of a simulated host. Guests live in memory; adopting those that belong here brings them back."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from unkai.contracts.guest import Guest, GuestData, PowerState
from unkai.contracts.reports import HostReport, Inventory
from unkai.kernel.settings import defaults
from unkai.node.driver import BelievedPower, Driver, PowerListener
from unkai.node.errors import FlavorDiskTooSmall, GuestNotFound, GuestNotRunning, OutOfMemory
from unkai.node.job import Job, undoing_on_failure
from unkai.node.simulated.faults import Faults
from unkai.node.simulated.hosts import Machine
from unkai.node.simulated.settings import Simulated

__all__ = ["SimulatedDriver"]


@dataclass(slots=True)
class _Simulated:
    guest: Guest
    data: GuestData
    power: PowerState
    boots: int = 0
    since: float = 0.0

    def learn(self, data: GuestData) -> None:
        if data.revision >= self.data.revision:
            self.data = data


class SimulatedDriver(Driver):
    """`happen` lets a test or an operator change a guest's power as if it did so by itself."""

    name = "simulated"

    def __init__(self, machine: Machine, settings: Simulated | None = None, faults: Faults | None = None) -> None:
        self._machine = machine
        self._settings = settings or defaults()[Simulated]
        self._faults = faults if faults is not None else Faults(self._settings.faults_file)
        self._guests: dict[str, _Simulated] = {}
        self._on_power: PowerListener = lambda server_id, power: None
        self._booted = time.time()

    # ---- the host ----

    async def open(self, on_power: PowerListener) -> None:
        self._on_power = on_power

    async def close(self) -> None:
        self._on_power = lambda server_id, power: None

    async def report(self) -> HostReport:
        await self._ask("report")
        machine = self._machine
        taken = [held.guest for held in self._guests.values()]
        disk = sum(disk.size for guest in taken for disk in guest.disks) >> 30
        memory = sum(held.guest.memory_mb for held in self._guests.values() if held.power == "running")
        return HostReport(
            host=machine.name,
            host_id=machine.host_id,
            hypervisor_hostname=machine.name,
            hypervisor_type="QEMU",
            hypervisor_version=10_000_000,
            driver="simulated",
            host_ip=machine.address,
            cpu_info=machine.cpu_info,
            inventory=Inventory(
                vcpus=machine.vcpus,
                memory_mb=machine.memory_mb,
                disk_gb=machine.generation.disk_gb,
                memory_mb_free=max(0, machine.memory_mb - memory),
                disk_gb_free=max(0, machine.generation.disk_gb - disk),
                disk_available_least=machine.generation.disk_gb - disk,
                cells=machine.cells,
            ),
            traits=machine.traits,
            virt_type="kvm",
            supported=[("x86_64", "kvm", "hvm"), ("i686", "kvm", "hvm")],
            chassis=machine.name,
        )

    async def load(self) -> float:
        running = sum(held.guest.vcpus for held in self._guests.values() if held.power == "running")
        return round(running * 0.1, 2)

    async def uptime(self) -> str:
        await self._ask("uptime")
        load = await self.load()
        days, rest = divmod(int(time.time() - self._booted), 86400)
        clock = time.strftime("%H:%M:%S", time.gmtime())
        return (
            f" {clock} up {days} days, {rest // 3600:2}:{rest % 3600 // 60:02},  0 users,  "
            f"load average: {load:.2f}, {load:.2f}, {load:.2f}"
        )

    async def guests(self) -> dict[str, PowerState]:
        return {server_id: held.power for server_id, held in self._guests.items()}

    async def traces(self) -> set[str]:
        return set(self._guests)

    async def tidy(self, used_images: Collection[str]) -> None:
        return

    # ---- a guest's life ----

    async def create(self, job: Job, guest: Guest, data: GuestData) -> dict[str, object]:
        async with undoing_on_failure(job) as undo:
            if guest.server_id not in self._guests:
                _check_disks(guest)
                undo.push(self._forget, guest.server_id)
            await self._step(job, "create", guest.server_id)
            job.tell("building", 1, 2)
            await job.sleep(self._settings.build_seconds)
            _admit(self._machine, self._guests, guest)
            job.check()
            held = self._guests.setdefault(guest.server_id, _Simulated(guest, data, "shutdown"))
            held.guest = guest
            held.learn(data)
            await self._power_on(job, held)
        return {"power_state": "running", "virt_type": "kvm"}

    async def destroy(self, job: Job, server_id: str) -> None:
        await self._step(job, "destroy", server_id)
        job.check()
        await self._forget(server_id)

    async def start(self, job: Job, guest: Guest, data: GuestData) -> None:
        held = self._find(guest.server_id)
        await self._step(job, "start", guest.server_id)
        job.check()
        held.guest = guest
        held.learn(data)
        await self._power_on(job, held)

    async def stop(self, job: Job, server_id: str, timeout: int) -> None:
        held = self._find(server_id)
        await self._step(job, "stop", server_id)
        await job.sleep(min(self._settings.power_seconds, timeout))
        job.check()
        held.power = "shutdown"

    async def reboot(self, job: Job, guest: Guest, data: GuestData, hard: bool, timeout: int) -> None:
        held = self._find(guest.server_id)
        await self._step(job, "reboot", guest.server_id)
        if not hard:
            await job.sleep(min(self._settings.power_seconds, timeout))
        job.check()
        held.power = "shutdown"
        held.guest = guest
        held.learn(data)
        await self._power_on(job, held)

    async def adopt(self, guest: Guest, data: GuestData, believed: BelievedPower) -> None:
        if guest.server_id not in self._guests:
            # This process has no memory of the one before; a real host would have gone on with its guests.
            state: PowerState = "shutdown" if believed == "shutdown" else "running"
            self._guests[guest.server_id] = _Simulated(guest, data, state, 1, time.time())
        self._guests[guest.server_id].learn(data)

    async def refresh(self, data: GuestData) -> None:
        await self._ask("refresh", data.server_id)
        held = self._guests.get(data.server_id)
        if held is not None:
            held.learn(data)

    # ---- questions ----

    async def console_output(self, server_id: str, length: int | None) -> str:
        await self._ask("console_output", server_id)
        held = self._find(server_id)
        lines: list[str] = []
        for boot in range(held.boots):
            lines += [
                f"[    0.000000] Linux version 6.1.0-simulated on {self._machine.name} (boot {boot + 1})",
                f"[    0.412000] smp: Brought up 1 node, {held.guest.vcpus} CPUs",
                f"[    1.250000] cloud-init: instance-id: {server_id}",
                f"{held.data.hostname} login: ",
            ]
        kept = lines if length is None else lines[len(lines) - min(length, len(lines)) :]
        return "\n".join(kept)

    async def diagnostics(self, server_id: str) -> Mapping[str, object]:
        await self._ask("diagnostics", server_id)
        held = self._find(server_id)
        if held.power != "running":
            raise GuestNotRunning(server_id=server_id)
        seconds = int(time.time() - held.since)
        guest = held.guest
        return {
            "state": held.power,
            "driver": "libvirt",
            "hypervisor": "kvm",
            "hypervisor_os": "linux",
            "uptime": seconds,
            "config_drive": guest.config_drive,
            "num_cpus": guest.vcpus,
            "num_disks": len(guest.disks),
            "num_nics": len(guest.interfaces),
            "cpu_details": [{"id": cpu, "time": seconds * 10_000_000, "utilisation": 1} for cpu in range(guest.vcpus)],
            "disk_details": [_disk_details(seconds) for _ in guest.disks],
            "nic_details": [{"mac_address": card.mac, **_nic_details(seconds)} for card in guest.interfaces],
            "memory_details": {"maximum": guest.memory_mb, "used": guest.memory_mb // 4},
        }

    async def password(self, server_id: str) -> str:
        self._find(server_id)
        return ""

    # ---- what tests and operators can make happen ----

    def happen(self, server_id: str, power: PowerState) -> None:
        """The guest's power changes by itself. KeyError: no such guest."""
        self._guests[server_id].power = power
        self._on_power(server_id, power)

    # ---- inside ----

    def _find(self, server_id: str) -> _Simulated:
        if server_id not in self._guests:
            raise GuestNotFound(server_id=server_id)
        return self._guests[server_id]

    async def _forget(self, server_id: str) -> None:
        self._guests.pop(server_id, None)

    async def _power_on(self, job: Job, held: _Simulated) -> None:
        if held.power == "running":
            return
        await job.sleep(self._settings.power_seconds)
        job.check()
        held.power, held.boots, held.since = "running", held.boots + 1, time.time()

    async def _step(self, job: Job, verb: str, server_id: str) -> None:
        job.check()
        await self._faults.meet(self._machine.name, verb, server_id, job.sleep)

    async def _ask(self, verb: str, server_id: str = "") -> None:
        await self._faults.meet(self._machine.name, verb, server_id)


def _admit(machine: Machine, guests: Mapping[str, _Simulated], guest: Guest) -> None:
    """A machine runs out of memory whatever the scheduler believes."""
    others = [held for held in guests.values() if held.guest.server_id != guest.server_id]
    running = sum(held.guest.memory_mb for held in others if held.power == "running")
    if running + guest.memory_mb > machine.memory_mb:
        raise OutOfMemory(details=f"{running} MiB of {machine.memory_mb} are in use")


def _check_disks(guest: Guest) -> None:
    for disk in guest.disks:
        # Of an image only its file's size is known here; a real host sees the disk inside, which is no smaller.
        if disk.image is not None and 0 < disk.size < disk.image.size:
            raise FlavorDiskTooSmall(flavor_size=disk.size, image_size=disk.image.size)


def _disk_details(seconds: int) -> dict[str, int]:
    return {
        "read_bytes": 4096 * seconds,
        "read_requests": seconds,
        "write_bytes": 2048 * seconds,
        "write_requests": seconds,
        "errors_count": 0,
    }


def _nic_details(seconds: int) -> dict[str, int]:
    counts = {"octets": 64 * seconds, "packets": seconds, "errors": 0, "drop": 0, "rate": 0}
    return {f"{way}_{what}": number for way in ("rx", "tx") for what, number in counts.items()}
