"""NumInstancesFilter (upstream, beside table 4.7)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why
from unkai.scheduler.settings import FilterScheduler


class NumInstancesFilter(Filter):
    """Refuses hosts with [filter_scheduler] max_instances_per_host servers."""

    name = "NumInstancesFilter"
    needs_instances = True

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        allowed = self.settings[FilterScheduler].max_instances_per_host
        if host.num_instances >= allowed:
            return Why(f"fewer than {allowed} servers", str(host.num_instances))
        return None
