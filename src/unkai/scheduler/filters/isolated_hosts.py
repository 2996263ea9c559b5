"""IsolatedHostsFilter (SCHED-015)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why
from unkai.scheduler.settings import FilterScheduler


class IsolatedHostsFilter(Filter):
    """Isolated images run on isolated hosts only; these, unless told otherwise, take nothing else."""

    name = "IsolatedHostsFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        options = self.settings[FilterScheduler]
        return bool(options.isolated_hosts or options.isolated_images)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        options = self.settings[FilterScheduler]
        image_isolated = request.image_id in options.isolated_images
        host_isolated = host.host in options.isolated_hosts
        if image_isolated and not host_isolated:
            return Why("an isolated host, for an isolated image", "not isolated")
        if host_isolated and not image_isolated and options.restrict_isolated_hosts_to_isolated_images:
            return Why("a host that is not isolated, for an image that is not", "isolated")
        return None
