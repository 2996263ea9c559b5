"""Orders to a host (durable, leased, journaled) and their results; asks (seconds, not journaled) and answers.

An order must be idempotent: a host that is given it twice (same step, higher
generation) finds what it already made by the server's id and goes on.
"""

from typing import Literal

import msgspec

from unkai.contracts.guest import Guest, GuestData


class CreateGuest(msgspec.Struct, frozen=True, tag="guest.create"):
    """Make disks, config drive and domain, and start it. Result data: {"power_state": ..., "virt_type": ...}"""

    guest: Guest
    data: GuestData


class DestroyGuest(msgspec.Struct, frozen=True, tag="guest.destroy"):
    """Stop and forget the guest with everything made for it. Succeeds when nothing is there."""

    server_id: str


class StartGuest(msgspec.Struct, frozen=True, tag="guest.start"):
    """Start the guest from its disks, defining the domain anew from `guest`."""

    guest: Guest
    data: GuestData


class StopGuest(msgspec.Struct, frozen=True, tag="guest.stop"):
    """Ask the guest to power off and, after `timeout` seconds (0: at once), take its power."""

    server_id: str
    timeout: int


class RebootGuest(msgspec.Struct, frozen=True, tag="guest.reboot"):
    """Soft: ask the guest and fall back to hard after `timeout` seconds. Hard: power off, define anew, start."""

    guest: Guest
    data: GuestData
    hard: bool
    timeout: int


class RefreshData(msgspec.Struct, frozen=True, tag="guest.refresh_data"):
    """Serve this rendering of the guest's metadata from now on."""

    data: GuestData


Order = CreateGuest | DestroyGuest | StartGuest | StopGuest | RebootGuest | RefreshData


class Work(msgspec.Struct, frozen=True):
    """A step given to a host. `generation` is its fencing token: every later message about the step carries
    it, and a host refuses an order for a subject that is older than one it has seen. The host stops working
    on it by its own monotonic clock `lease_seconds` after it *asked* for it, unless renewed."""

    step_id: str
    subject: str
    generation: int
    lease_seconds: float
    order: Order


class Progress(msgspec.Struct, frozen=True):
    generation: int
    message: str
    done: int = 0
    total: int = 0


class StepError(msgspec.Struct, frozen=True):
    """Why a step failed. `code` is stable, `message` is for the server's fault (no host secrets), `details`
    for administrators. `elsewhere` says that another host may succeed."""

    code: str
    message: str
    details: str = ""
    elsewhere: bool = True


class StepResult(msgspec.Struct, frozen=True):
    generation: int
    data: dict[str, object] = {}
    error: StepError | None = None


class ConsoleOutput(msgspec.Struct, frozen=True, tag="console.output"):
    """The last `length` lines of the guest's console log (None: all). Answer: {"output": str}"""

    server_id: str
    length: int | None = None


class Uptime(msgspec.Struct, frozen=True, tag="host.uptime"):
    """Answer: {"uptime": str} in the form of uptime(1)."""


class Diagnostics(msgspec.Struct, frozen=True, tag="guest.diagnostics"):
    """Answer: the fields of upstream's diagnostics 2.48."""

    server_id: str


class GuestPassword(msgspec.Struct, frozen=True, tag="guest.password"):
    """What the guest posted to its metadata service, encrypted for its key. Answer: {"password": str}"""

    server_id: str


Question = ConsoleOutput | Uptime | Diagnostics | GuestPassword


class Ask(msgspec.Struct, frozen=True):
    ask_id: str
    question: Question


class Answer(msgspec.Struct, frozen=True):
    data: dict[str, object] = {}
    error: StepError | None = None


class PollRequest(msgspec.Struct, frozen=True):
    """`session` is new with every start of the agent: steps leased to an earlier session are given out anew.
    `running` renews the leases of those steps; `capacity` is how many more the host takes."""

    session: str
    running: dict[str, int] = {}
    capacity: int = 1
    wait_seconds: float = 20.0


class PollReply(msgspec.Struct, frozen=True):
    """`lost` names running steps whose lease is gone (stop them), `cancel` those the host should abort."""

    work: list[Work] = []
    asks: list[Ask] = []
    lost: list[str] = []
    cancel: list[str] = []


class Wanted(msgspec.Struct, frozen=True):
    """A guest that belongs on the host, for reconciliation when the agent starts. `busy`: a flow works on it."""

    guest: Guest
    data: GuestData
    power: Literal["running", "shutdown", "any"]
    busy: bool = False
