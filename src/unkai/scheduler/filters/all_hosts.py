"""AllHostsFilter (SCHED-008)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class AllHostsFilter(Filter):
    """Refuses no host; other filters still apply."""

    name = "AllHostsFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return False

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        return None
