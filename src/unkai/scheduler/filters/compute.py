"""ComputeFilter (SCHED-011)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why

_NEEDED = "an enabled compute service that is up"


class ComputeFilter(Filter):
    """Refuses hosts whose compute service is disabled or down."""

    name = "ComputeFilter"

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        facts = host.facts
        if facts.up and not facts.disabled:
            return None
        if facts.disabled:
            reason = f"disabled: {facts.disabled_reason}" if facts.disabled_reason else "disabled"
            return Why(_NEEDED, reason)
        if facts.forced_down:
            return Why(_NEEDED, "forced down")
        seen = "never" if facts.last_seen is None else facts.last_seen.strftime("%Y-%m-%dT%H:%M:%SZ")
        return Why(_NEEDED, f"down, last heard of: {seen}")
