"""States of a server: what is allowed in which state, and what the API calls each state.

`STATUSES` and `ACTIONS` are the whole state machine. Everything that changes a server's state asks `refusal` first,
with the server's row locked, so two actions that race see each other.
"""

from collections.abc import Iterable, Mapping

import msgspec

from unkai.contracts.guest import PowerState

# vm_state: what the server is; upstream's words.
ACTIVE, BUILDING, STOPPED, ERROR, DELETED = "active", "building", "stopped", "error", "deleted"
PAUSED, SUSPENDED, RESCUED, RESIZED = "paused", "suspended", "rescued", "resized"
SOFT_DELETED, SHELVED, SHELVED_OFFLOADED = "soft-delete", "shelved", "shelved_offloaded"
VM_STATES = (
    ACTIVE, BUILDING, STOPPED, ERROR, DELETED, PAUSED, SUSPENDED, RESCUED, RESIZED, SOFT_DELETED, SHELVED,
    SHELVED_OFFLOADED,
)  # fmt: skip

# task_state: what is being done to it; None when nothing is.
SCHEDULING, NETWORKING, SPAWNING = "scheduling", "networking", "spawning"
POWERING_ON, POWERING_OFF, DELETING = "powering-on", "powering-off", "deleting"
REBOOTING, REBOOT_PENDING, REBOOT_STARTED = "rebooting", "reboot_pending", "reboot_started"
REBOOTING_HARD, REBOOT_PENDING_HARD = "rebooting_hard", "reboot_pending_hard"
REBOOT_STARTED_HARD = "reboot_started_hard"

_REBOOT = {
    REBOOTING: "REBOOT", REBOOT_PENDING: "REBOOT", REBOOT_STARTED: "REBOOT",
    REBOOTING_HARD: "HARD_REBOOT", REBOOT_PENDING_HARD: "HARD_REBOOT", REBOOT_STARTED_HARD: "HARD_REBOOT",
}  # fmt: skip
_REBUILD = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")
_RESIZE = dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE")
_MIGRATE = {"migrating": "MIGRATING"}

# {vm_state: (status, {task_state: status where it differs})}
STATUSES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    ACTIVE: ("ACTIVE", {**_REBOOT, "updating_password": "PASSWORD", **_REBUILD, **_MIGRATE, **_RESIZE}),
    BUILDING: ("BUILD", {}),
    STOPPED: ("SHUTOFF", {**_RESIZE, **_REBUILD}),
    RESIZED: ("VERIFY_RESIZE", {"resize_reverting": "REVERT_RESIZE"}),
    PAUSED: ("PAUSED", _MIGRATE),
    SUSPENDED: ("SUSPENDED", {}),
    RESCUED: ("RESCUE", {}),
    ERROR: ("ERROR", _REBUILD),
    DELETED: ("DELETED", {}),
    SOFT_DELETED: ("SOFT_DELETED", {}),
    SHELVED: ("SHELVED", {}),
    SHELVED_OFFLOADED: ("SHELVED_OFFLOADED", {}),
}

# Statuses in which a server shows its progress, or its fault.
WITH_PROGRESS = frozenset(("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))
WITH_FAULT = frozenset(("ERROR", "DELETED"))

# Numbers that the API prints for power states.
POWER: Mapping[PowerState, int] = {
    "nostate": 0, "running": 1, "paused": 3, "shutdown": 4, "crashed": 6, "suspended": 7,
}  # fmt: skip
NOSTATE, RUNNING, SHUTDOWN = POWER["nostate"], POWER["running"], POWER["shutdown"]


def status(vm_state: str, task_state: str | None, deleted: bool = False) -> str:
    """What the API calls a state."""
    if deleted:
        return "DELETED"
    default, special = STATUSES.get(vm_state, ("UNKNOWN", {}))
    return special.get(task_state or "", default)


class States(msgspec.Struct, frozen=True):
    """The states that have one of some statuses. `tasks` None stands for any task state."""

    vm_states: tuple[str, ...]
    tasks: tuple[str, ...] | None


def states_of(statuses: Iterable[str]) -> States | None:
    """Which states a filter by status means; None when no status of that name exists (letter case is ignored)."""
    wanted = {text.lower() for text in statuses}
    vm_states: set[str] = set()
    tasks: set[str] = set()
    whole = False
    for vm_state, (default, special) in STATUSES.items():
        if default.lower() in wanted:
            vm_states.add(vm_state)
            whole = True
        for task, text in special.items():
            if text.lower() in wanted:
                vm_states.add(vm_state)
                tasks.add(task)
    if not vm_states:
        return None
    return States(tuple(sorted(vm_states)), None if whole else tuple(sorted(tasks)))


class Allowed(msgspec.Struct, frozen=True):
    """From where an action is allowed.

    `vm_states` and `task_states` None: from any. `launched`: only servers that ran once. `host`: only servers that
    are on a host. `locked`: locked servers too (otherwise only for admins).
    """

    vm_states: tuple[str, ...] | None = None
    task_states: tuple[str | None, ...] | None = (None,)
    launched: bool = True
    host: bool = False
    locked: bool = False


_KEPT = (ACTIVE, PAUSED, SUSPENDED, STOPPED)

ACTIONS: Mapping[str, Allowed] = {
    "delete": Allowed(task_states=None, launched=False),
    "start": Allowed((STOPPED,), host=True),
    "stop": Allowed((ACTIVE, ERROR), host=True),
    "reboot": Allowed((ACTIVE,)),
    "reboot_hard": Allowed(
        (ACTIVE, STOPPED, PAUSED, SUSPENDED, ERROR),
        (None, REBOOTING, REBOOT_PENDING, REBOOT_STARTED, REBOOTING_HARD, "resuming", "unpausing", "pausing",
         "suspending"),
    ),
    "metadata": Allowed(_KEPT, None, launched=True),
    "tags": Allowed(_KEPT, None, launched=False, locked=True),
    "console": Allowed(None, None, launched=False, host=True, locked=True),
    "diagnostics": Allowed(None, None, launched=False, host=True, locked=True),
}  # fmt: skip


class Refusal(msgspec.Struct, frozen=True):
    """Why an action is not allowed: `attribute` and `state` as upstream's 409 names them, "locked" or "host"."""

    attribute: str
    state: str | None


def refusal(
    action: str,
    *,
    vm_state: str,
    task_state: str | None,
    launched: bool,
    on_host: bool,
    locked: bool,
    is_admin: bool,
) -> Refusal | None:
    """Whether the table refuses an action, and why."""
    allowed = ACTIONS[action]
    if locked and not is_admin and not allowed.locked:
        return Refusal("locked", None)
    if allowed.host and not on_host and (allowed.vm_states is None or vm_state in allowed.vm_states):
        return Refusal("host", None)
    if allowed.vm_states is not None and vm_state not in allowed.vm_states:
        return Refusal("vm_state", vm_state)
    if allowed.task_states is not None and task_state not in allowed.task_states:
        return Refusal("task_state", task_state)
    if allowed.launched and not launched:
        return Refusal("launched_at", "None")
    return None


# What a power state that a host reports does to a server that nothing is being done to (upstream's periodic
# synchronisation): {(vm_state, power): vm_state}. Pairs that are not here change nothing but the number.
SYNC: Mapping[tuple[str, PowerState], str] = {
    (ACTIVE, "shutdown"): STOPPED,
    (ACTIVE, "crashed"): STOPPED,
    (PAUSED, "shutdown"): STOPPED,
    (PAUSED, "crashed"): STOPPED,
}
# Servers that are found running, paused or saved and must not be: they are stopped.
STOP_IF: frozenset[tuple[str, PowerState]] = frozenset(
    ((STOPPED, "running"), (STOPPED, "paused"), (STOPPED, "suspended"), (ACTIVE, "suspended"))
)
