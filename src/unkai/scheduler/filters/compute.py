"""ComputeFilter (SCHED-011)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import Fleet, HostState, Mask
from unkai.scheduler.model import PlaceRequest, Why

_NEEDED = "an enabled compute service that is up"


class ComputeFilter(Filter):
    """Refuses hosts whose compute service is disabled or down."""

    name = "ComputeFilter"

    def mask(self, fleet: Fleet, request: PlaceRequest) -> Mask:
        return fleet.enabled & fleet.heard()

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        facts = host.facts
        if not (facts.disabled or facts.forced_down or host.is_silent):
            return None
        if facts.disabled:
            reason = f"disabled: {facts.disabled_reason}" if facts.disabled_reason else "disabled"
            return Why(_NEEDED, reason)
        if facts.forced_down:
            return Why(_NEEDED, "forced down")
        return Why(_NEEDED, "down: its heartbeat is overdue")
