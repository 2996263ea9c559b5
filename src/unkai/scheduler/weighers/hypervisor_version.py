"""HypervisorVersionWeigher (SCHED-039)."""

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class HypervisorVersionWeigher(Weigher):
    """By the version of the hypervisor."""

    name = "HypervisorVersionWeigher"
    module = "hypervisor_version"
    option = "hypervisor_version_weight_multiplier"

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        return fleet.versions.astype(np.float64)
