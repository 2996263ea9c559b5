"""AggregateImagePropertiesIsolation (SCHED-005)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why
from unkai.scheduler.settings import FilterScheduler


class AggregateImagePropertiesIsolation(Filter):
    """Refuses hosts whose aggregates name a value for a property that the image has with another one.

    An image without the property passes, and so does a host in no aggregate (upstream's rule).
    """

    name = "AggregateImagePropertiesIsolation"

    def relevant(self, request: PlaceRequest) -> bool:
        return bool(request.image_properties)

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        options = self.settings[FilterScheduler]
        namespace = options.aggregate_image_properties_isolation_namespace
        prefix = "" if namespace is None else namespace + options.aggregate_image_properties_isolation_separator
        for key in {key for aggregate in host.aggregates for key in aggregate.metadata}:
            if not key.startswith(prefix):
                continue
            have = request.image_properties.get(key)
            offered = host.metadata(key)
            if have is not None and str(have) not in offered:
                return Why(f"an aggregate for images with {key}={have}", ", ".join(sorted(offered))[:200])
        return None
