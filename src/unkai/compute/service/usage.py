"""How much projects used over a time (USE-001 to USE-003): hours of servers, with what they had."""

from datetime import datetime

import msgspec

from unkai.compute.store import use as store
from unkai.compute.store.use import Span
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


class ServerHours(msgspec.Struct, frozen=True):
    span: Span
    hours: float
    uptime: int


class ProjectHours(msgspec.Struct, frozen=True):
    project_id: str
    servers: list[ServerHours]

    def total(self, attribute: str | None = None) -> float:
        """Sum of hours, or of hours times an amount (vcpus, memory_mb, local_gb)."""
        return sum(one.hours * (getattr(one.span, attribute) if attribute else 1) for one in self.servers)


def usage(
    tx: Tx, scope: Scope, start: datetime, end: datetime, now: datetime, marker: str | None, limit: int | None
) -> list[ProjectHours] | None:
    """By project, in the order in which projects first come; None when the marker does not exist."""
    after = None
    if marker is not None:
        after = store.seq_of(tx, scope, marker)
        if after is None:
            return None
    found: dict[str, ProjectHours] = {}
    for span in store.spans(tx, scope, start, end, after=after, limit=limit):
        stop = min(end, span.ended_at or end)
        hours = max(0.0, (stop - max(start, span.started_at)).total_seconds() / 3600)
        uptime = max(0, int(((span.ended_at or now) - span.started_at).total_seconds()))
        project = found.setdefault(span.project_id, ProjectHours(span.project_id, []))
        project.servers.append(ServerHours(span, hours, uptime))
    return list(found.values())
