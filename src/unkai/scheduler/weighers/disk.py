"""DiskWeigher (SCHED-039)."""

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class DiskWeigher(Weigher):
    """By free disk."""

    name = "DiskWeigher"
    module = "disk"
    option = "disk_weight_multiplier"

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        return fleet.free("DISK_GB").astype(np.float64)
