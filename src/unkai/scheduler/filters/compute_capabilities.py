"""ComputeCapabilitiesFilter (SCHED-010)."""

from collections.abc import Iterator, Mapping

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.filters.operators import matches
from unkai.scheduler.hosts import ATTRIBUTES, HostState
from unkai.scheduler.model import PlaceRequest, Why

_SCOPE = "capabilities"
_MISSING = object()


class ComputeCapabilitiesFilter(Filter):
    """Refuses hosts whose capabilities do not satisfy the flavor's extra specs.

    Only keys of the namespace `capabilities:` and keys without one are compared; parts after it lead into nested
    values (capabilities:cpu_info:features = "<in> aes").
    """

    name = "ComputeCapabilitiesFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return any(_requirements(request.extra_specs))

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        for key, path, wanted in _requirements(request.extra_specs):
            have = _look_up(host, path)
            if have is _MISSING:
                return Why(f"{key} {wanted}", "no such capability")
            if not matches(have, wanted):
                return Why(f"{key} {wanted}", str(have)[:200])
        return None


def _requirements(extra_specs: Mapping[str, str]) -> Iterator[tuple[str, list[str], str]]:
    for key, wanted in extra_specs.items():
        path = key.split(":")
        if len(path) > 1:
            if path[0] != _SCOPE:
                continue
            path = path[1:]
        yield key, path, wanted


def _look_up(host: HostState, path: list[str]) -> object:
    if path[0] not in ATTRIBUTES:
        return _MISSING
    value: object = getattr(host, path[0])
    for part in path[1:]:
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value
