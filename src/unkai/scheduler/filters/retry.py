"""RetryFilter (SCHED-021)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class RetryFilter(Filter):
    """Refuses hosts that were tried before."""

    name = "RetryFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return bool(request.excluded_hosts)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        if host.host in request.excluded_hosts:
            return Why("a host that was not tried before", "tried before")
        return None
