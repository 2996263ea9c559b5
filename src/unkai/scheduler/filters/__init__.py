"""The filters by their upstream names, one rule per file, and the ones in force."""

from collections.abc import Sequence
from importlib import import_module

from unkai.kernel.settings import Settings, SettingsError
from unkai.scheduler.filters.affinity import ServerGroupAffinityFilter
from unkai.scheduler.filters.aggregate_extra_specs import AggregateInstanceExtraSpecsFilter
from unkai.scheduler.filters.aggregate_image_properties import AggregateImagePropertiesIsolation
from unkai.scheduler.filters.aggregate_tenancy import AggregateMultiTenancyIsolation
from unkai.scheduler.filters.all_hosts import AllHostsFilter
from unkai.scheduler.filters.anti_affinity import ServerGroupAntiAffinityFilter
from unkai.scheduler.filters.availability_zone import AvailabilityZoneFilter
from unkai.scheduler.filters.base import Filter
from unkai.scheduler.filters.cidr_affinity import SimpleCIDRAffinityFilter
from unkai.scheduler.filters.compute import ComputeFilter
from unkai.scheduler.filters.compute_capabilities import ComputeCapabilitiesFilter
from unkai.scheduler.filters.different_host import DifferentHostFilter
from unkai.scheduler.filters.image_properties import ImagePropertiesFilter
from unkai.scheduler.filters.isolated_hosts import IsolatedHostsFilter
from unkai.scheduler.filters.json_query import JsonFilter
from unkai.scheduler.filters.num_instances import NumInstancesFilter
from unkai.scheduler.filters.retry import RetryFilter
from unkai.scheduler.filters.same_host import SameHostFilter
from unkai.scheduler.settings import FilterScheduler

__all__ = ["BUILT_IN", "Filter", "enabled"]

_ALL = ("nova.scheduler.filters.all_filters", "nova.scheduler.filters.standard_filters")

BUILT_IN: dict[str, type[Filter]] = {
    kind.name: kind
    for kind in (
        AggregateImagePropertiesIsolation,
        AggregateInstanceExtraSpecsFilter,
        AggregateMultiTenancyIsolation,
        AllHostsFilter,
        AvailabilityZoneFilter,
        ComputeCapabilitiesFilter,
        ComputeFilter,
        DifferentHostFilter,
        ImagePropertiesFilter,
        IsolatedHostsFilter,
        JsonFilter,
        NumInstancesFilter,
        RetryFilter,
        SameHostFilter,
        ServerGroupAffinityFilter,
        ServerGroupAntiAffinityFilter,
        SimpleCIDRAffinityFilter,
    )
}


def enabled(settings: Settings) -> Sequence[Filter]:
    """The filters in force, in order. Raises SettingsError for a name that `available_filters` does not offer."""
    options = settings[FilterScheduler]
    offered: dict[str, type[Filter]] = {}
    for source in options.available_filters:
        if source in _ALL:
            offered.update(BUILT_IN)
        else:
            kind = _load(source)
            offered[kind.__name__] = kind
    found: list[Filter] = []
    for name in options.enabled_filters:
        wanted = offered.get(name.rpartition(".")[2])
        if wanted is None:
            raise SettingsError(f"[filter_scheduler] enabled_filters: SchedulerHostFilterNotFound: {name}")
        found.append(wanted(settings))
    return found


def _load(path: str) -> type[Filter]:
    """A class by its path; a built-in one by upstream's path too. Raises SettingsError."""
    module, _, last = path.rpartition(".")
    if module.startswith("nova.scheduler.filters") and last in BUILT_IN:
        return BUILT_IN[last]
    try:
        kind = getattr(import_module(module), last)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"[filter_scheduler] available_filters: {path} cannot be loaded: {error}") from error
    if not isinstance(kind, type) or not issubclass(kind, Filter):
        raise SettingsError(f"[filter_scheduler] available_filters: {path} is no filter")
    return kind
