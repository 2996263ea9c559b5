"""ServerGroupAntiAffinityFilter (SCHED-024)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class ServerGroupAntiAffinityFilter(Filter):
    """Refuses hosts with as many members of a group of policy `anti-affinity` as its rule max_server_per_host
    (upstream API 2.64) allows: one, if the group has no rule."""

    name = "ServerGroupAntiAffinityFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return request.group is not None and request.group.policy == "anti-affinity" and bool(request.group.hosts)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        assert request.group is not None
        allowed = int(request.group.rules.get("max_server_per_host", 1))
        here = request.group.hosts.count(host.host)
        if here >= allowed:
            return Why(f"fewer than {allowed} members of the server group", str(here))
        return None
