"""ServerGroupSoftAffinityWeigher and ServerGroupSoftAntiAffinityWeigher (SCHED-031, SCHED-032)."""

from collections import Counter

import numpy as np

from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.weighers.base import Weigher, Weights


class _ByMembers(Weigher):
    module = "affinity"
    policy: str
    sign: int

    def relevant(self, request: PlaceRequest) -> bool:
        group = request.group
        return super().relevant(request) and group is not None and group.policy == self.policy and bool(group.hosts)

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        assert request.group is not None
        members = Counter(request.group.hosts)
        return np.array([self.sign * members[host.host] for host in fleet.hosts], np.float64)


class ServerGroupSoftAffinityWeigher(_ByMembers):
    """Gathers the members of a group of policy `soft-affinity` while it can."""

    name = "ServerGroupSoftAffinityWeigher"
    option = "soft_affinity_weight_multiplier"
    policy = "soft-affinity"
    sign = 1


class ServerGroupSoftAntiAffinityWeigher(_ByMembers):
    """Spreads the members of a group of policy `soft-anti-affinity` while it can."""

    name = "ServerGroupSoftAntiAffinityWeigher"
    option = "soft_anti_affinity_weight_multiplier"
    policy = "soft-anti-affinity"
    sign = -1
