"""RAMWeigher (SCHED-038)."""

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class RAMWeigher(Weigher):
    """By free memory."""

    name = "RAMWeigher"
    module = "ram"
    option = "ram_weight_multiplier"

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        return fleet.free("MEMORY_MB").astype(np.float64)
