"""SameHostFilter (SCHED-022)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class SameHostFilter(Filter):
    """Refuses every host but those of the servers named by the hint `same_host`."""

    name = "SameHostFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return bool(request.same_hosts) or "same_host" in request.hints

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        if host.host not in request.same_hosts:
            return Why("a host with one of the servers of the hint same_host", "none of them is here")
        return None
