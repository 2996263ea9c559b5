"""AvailabilityZoneFilter (SCHED-009)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why


class AvailabilityZoneFilter(Filter):
    """Refuses hosts outside of the zone that was asked for."""

    name = "AvailabilityZoneFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return request.zone is not None

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        if host.facts.zone != request.zone:
            return Why(f"availability zone {request.zone}", host.facts.zone)
        return None
