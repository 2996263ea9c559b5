"""DifferentHostFilter (SCHED-013)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class DifferentHostFilter(Filter):
    """Refuses the hosts of the servers named by the hint `different_host`."""

    name = "DifferentHostFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return bool(request.different_hosts)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        if host.host in request.different_hosts:
            return Why("a host without the servers of the hint different_host", "one of them is here")
        return None
