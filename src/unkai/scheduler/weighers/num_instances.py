"""NumInstancesWeigher (SCHED-039)."""

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class NumInstancesWeigher(Weigher):
    """By the number of servers."""

    name = "NumInstancesWeigher"
    module = "num_instances"
    option = "num_instances_weight_multiplier"
    needs_instances = True

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        return np.array([fleet.instances.get(host.host_id, 0) for host in fleet.hosts], np.float64)
