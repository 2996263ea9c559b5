"""ServerGroupAffinityFilter (SCHED-023)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class ServerGroupAffinityFilter(Filter):
    """Refuses, once a group of policy `affinity` has a host, every other host."""

    name = "ServerGroupAffinityFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return request.group is not None and request.group.policy == "affinity" and bool(request.group.hosts)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        assert request.group is not None
        if host.host not in request.group.hosts:
            return Why("the host of the server group", "no member of the group")
        return None
