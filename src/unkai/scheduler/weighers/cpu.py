"""CPUWeigher (SCHED-039)."""

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class CPUWeigher(Weigher):
    """By free VCPUs: with the allocation ratio, since they are hardly ever given out one to one."""

    name = "CPUWeigher"
    module = "cpu"
    option = "cpu_weight_multiplier"

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        return (fleet.column("VCPU", "capacity") - fleet.column("VCPU", "used")).astype(np.float64)
