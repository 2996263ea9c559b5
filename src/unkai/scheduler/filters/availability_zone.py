"""AvailabilityZoneFilter (SCHED-009)."""

import numpy as np

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import Fleet, HostState, Mask
from unkai.scheduler.model import PlaceRequest, Why


class AvailabilityZoneFilter(Filter):
    """Refuses hosts outside of the zone that was asked for."""

    name = "AvailabilityZoneFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return request.zone is not None

    def mask(self, fleet: Fleet, request: PlaceRequest) -> Mask:
        return np.asarray(fleet.zones == request.zone, np.bool_)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        if host.facts.zone != request.zone:
            return Why(f"availability zone {request.zone}", host.facts.zone)
        return None
