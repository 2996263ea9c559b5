"""The contract of a hypervisor driver. `libvirt/` and `simulated/` keep it; one suite of tests runs on both.

Rules for every verb that changes something:

- It is idempotent by the server's id. Given again, by a restarted agent at a higher generation, it finds what is
  there and goes on.
- It calls `job.check()` immediately before each effect and waits only through `job.wait` / `job.sleep`.
- When it fails or is called off it undoes what *this* call did, and nothing else; when the lease is lost
  (`job.Lost`) it leaves everything as it is.
- It raises `errors.StepFailed` with a stable code. Anything else that escapes is a fault of the driver.

Everything a driver makes carries the server's id and the host's id; it never touches what does not.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import ClassVar, Literal

from unkai.contracts.guest import Guest, GuestData, PowerState
from unkai.contracts.reports import HostReport
from unkai.node.job import Job

__all__ = ["BelievedPower", "Driver", "PowerListener"]

BelievedPower = Literal["running", "shutdown", "any"]
# Called in the event loop with (server id, power state) whenever a guest's power changed by itself.
PowerListener = Callable[[str, PowerState], None]


class Driver(ABC):
    """All verbs run in the event loop and none of them blocks it."""

    name: ClassVar[Literal["libvirt", "simulated"]]

    # ---- the host ----

    @abstractmethod
    async def open(self, on_power: PowerListener) -> None:
        """Make ready what the other verbs need. Succeeds without the hypervisor; it is connected to when needed."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything; guests stay as they are."""

    @abstractmethod
    async def report(self) -> HostReport:
        """Identity, inventory and traits as they are now. Raises HypervisorUnavailable."""

    @abstractmethod
    async def load(self) -> float:
        """The host's load average of one minute."""

    @abstractmethod
    async def uptime(self) -> str:
        """One line in the form of uptime(1)."""

    @abstractmethod
    async def guests(self) -> dict[str, PowerState]:
        """The power of every guest that this host defined, by server id. Raises HypervisorUnavailable."""

    @abstractmethod
    async def traces(self) -> set[str]:
        """The servers of which anything this host made is left: a domain, a disk, a tap, a rendering."""

    @abstractmethod
    async def tidy(self, used_images: Collection[str]) -> None:
        """Remove what belongs to no server: unfinished files, networks without a guest, base images that nobody
        used for long. `used_images` are the image ids of the guests that belong here."""

    # ---- a guest's life ----

    @abstractmethod
    async def create(self, job: Job, guest: Guest, data: GuestData) -> dict[str, object]:
        """Disks, config drive, plugs, metadata and domain, and start it. Returns {"power_state", "virt_type"}."""

    @abstractmethod
    async def destroy(self, job: Job, server_id: str) -> None:
        """Stop and remove all of it. Succeeds when nothing is there."""

    @abstractmethod
    async def start(self, job: Job, guest: Guest, data: GuestData) -> None:
        """Define the domain anew and start it from the disks it has. Raises GuestNotFound without disks."""

    @abstractmethod
    async def stop(self, job: Job, server_id: str, timeout: int) -> None:
        """Ask the guest to power off; after `timeout` seconds (0: at once) take its power. Succeeds when it is off;
        raises GuestNotFound."""

    @abstractmethod
    async def reboot(self, job: Job, guest: Guest, data: GuestData, hard: bool, timeout: int) -> None:
        """Soft: ask the guest to power off, wait `timeout` seconds, start it. Hard, or when it does not: take its
        power, define it anew, start it. Raises GuestNotFound."""

    @abstractmethod
    async def adopt(self, guest: Guest, data: GuestData, believed: BelievedPower) -> None:
        """When the agent starts: put back around a guest what must be there besides its domain (plugs, metadata).
        Its power is not changed; `believed` is what the control plane believes, for a driver that has no memory."""

    @abstractmethod
    async def refresh(self, data: GuestData) -> None:
        """Serve this rendering from now on, unless a newer one is there. Does nothing for a guest that is not here."""

    # ---- questions ----

    @abstractmethod
    async def console_output(self, server_id: str, length: int | None) -> str:
        """The last `length` lines of the console log (None: all that is kept). Raises GuestNotFound."""

    @abstractmethod
    async def diagnostics(self, server_id: str) -> Mapping[str, object]:
        """Upstream's diagnostics of microversion 2.48. Raises GuestNotFound, GuestNotRunning."""

    @abstractmethod
    async def password(self, server_id: str) -> str:
        """What the guest posted to its metadata service ("" if nothing)."""
