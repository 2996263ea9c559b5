"""libvirt's states and events as power states."""

from unkai.contracts.guest import PowerState

__all__ = ["STATES", "on", "power_of_event"]

# virDomainState; "being shut down" still runs.
STATES: dict[int, PowerState] = {
    0: "nostate",
    1: "running",
    2: "running",
    3: "paused",
    4: "running",
    5: "shutdown",
    6: "crashed",
    7: "suspended",
}

_STARTED, _SUSPENDED, _RESUMED, _STOPPED, _CRASHED, _PMSUSPENDED = 2, 3, 4, 5, 8, 7
_STOPPED_CRASHED = 2

# virDomainEventType -> power; what is not here changes none. `defined`, `undefined` and `shutdown` (still running)
# are of no interest.
_EVENTS: dict[int, PowerState] = {
    _STARTED: "running",
    _SUSPENDED: "paused",
    _RESUMED: "running",
    _STOPPED: "shutdown",
    _PMSUSPENDED: "suspended",
    _CRASHED: "crashed",
}


def power_of_event(event: int, detail: int) -> PowerState | None:
    if event == _STOPPED and detail == _STOPPED_CRASHED:
        return "crashed"
    return _EVENTS.get(event)


def on(power: PowerState) -> bool:
    """Whether the guest holds memory: a QEMU process is there."""
    return power in ("running", "paused", "suspended")
