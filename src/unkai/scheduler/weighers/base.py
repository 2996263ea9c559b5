"""What a weigher is."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from unkai.kernel.settings import Settings
from unkai.scheduler.hosts import Fleet
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.settings import FilterScheduler

Weights = npt.NDArray[np.float64]


class Weigher:
    """Orders hosts by one quality. `name` is upstream's class, `option` its multiplier in [filter_scheduler].

    `weigh` gives one number per host of the fleet; `relevant` lets it step aside for a decision.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    option: ClassVar[str]
    needs_instances: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def multiplier(self) -> float:
        return float(getattr(self.settings[FilterScheduler], self.option))

    def relevant(self, request: PlaceRequest) -> bool:
        return self.multiplier != 0.0

    def weigh(self, fleet: Fleet, request: PlaceRequest) -> Weights:
        raise NotImplementedError


def normalise(weights: Weights) -> Weights:
    """To 0..1 by the least and the greatest (SCHED-027); all 0 when they are equal."""
    if len(weights) == 0:
        return weights
    low, high = weights.min(), weights.max()
    if high == low:
        return np.zeros(len(weights))
    return np.asarray((weights - low) / (high - low), np.float64)
