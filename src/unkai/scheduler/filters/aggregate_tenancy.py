"""AggregateMultiTenancyIsolation (SCHED-007)."""

from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why

_KEY = "filter_tenant_id"


class AggregateMultiTenancyIsolation(Filter):
    """Refuses hosts whose aggregates are reserved for other projects; keys may have a suffix (filter_tenant_id2)."""

    name = "AggregateMultiTenancyIsolation"

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        allowed = {
            project.strip()
            for aggregate in host.aggregates
            for key, value in aggregate.metadata.items()
            if key.startswith(_KEY)
            for project in value.split(",")
        }
        if allowed and request.project_id not in allowed:
            return Why(f"a host open to project {request.project_id}", "reserved for other projects")
        return None
