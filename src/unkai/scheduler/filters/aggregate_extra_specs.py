"""AggregateInstanceExtraSpecsFilter (SCHED-006)."""

from collections.abc import Iterator, Mapping

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.filters.operators import matches
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why

_SCOPE = "aggregate_instance_extra_specs"


class AggregateInstanceExtraSpecsFilter(Filter):
    """Refuses hosts none of whose aggregates' metadata satisfies the flavor's extra specs.

    Keys have the namespace `aggregate_instance_extra_specs:` or none (which then also ComputeCapabilitiesFilter
    reads).
    """

    name = "AggregateInstanceExtraSpecsFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return any(_requirements(request.extra_specs))

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        for key, wanted in _requirements(request.extra_specs):
            have = host.metadata(key)
            if not any(matches(value, wanted) for value in have):
                return Why(f"an aggregate with {key} {wanted}", ", ".join(sorted(have))[:200] or "not set")
        return None


def _requirements(extra_specs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, wanted in extra_specs.items():
        scope, colon, rest = key.partition(":")
        if not colon:
            yield key, wanted
        elif scope == _SCOPE:
            yield rest, wanted
