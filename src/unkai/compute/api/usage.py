"""Use of resources over a time (upstream API reference: Usage reports)."""

from datetime import datetime
from typing import Any

from unkai.compute import model
from unkai.compute.api import query
from unkai.compute.api.links import next_page
from unkai.compute.api.routes import Endpoint, get
from unkai.compute.service import usage as service
from unkai.compute.service.usage import ProjectHours, ServerHours
from unkai.compute.settings import ApiOptions
from unkai.kernel import clock
from unkai.kernel.errors import BadRequest, NotFound
from unkai.kernel.scope import Scope
from unkai.kernel.web import Request, Response, reply

_RULE = "os_compute_api:os-simple-tenant-usage:"


def _time(request: Request, name: str, now: datetime) -> datetime:
    text = request.query.get(name)
    if not text:
        return now
    try:
        return clock.parse(text)
    except ValueError as error:
        raise BadRequest(reason="Datetime is in invalid format") from error


async def _usage(
    request: Request, scope: Scope, collection: str
) -> tuple[list[ProjectHours], datetime, datetime, list[dict[str, str]]]:
    now = clock.utcnow()
    start, end = _time(request, "start", now), _time(request, "end", now)
    if start >= end:
        raise BadRequest(reason="Invalid start time. The start time cannot occur after the end time.")
    end = min(end, now)
    limit, marker = request.kit.settings[ApiOptions].max_limit, None
    if request.at_least(40):
        part = query.window(request)
        limit, marker = part.limit, part.marker
    found = await request.kit.db.read(service.usage, scope, start, end, now, marker, limit)
    query.require_marker(found, marker)
    ids = [one.span.id for project in found or [] for one in project.servers]
    following = next_page(request, collection, ids, limit) if request.at_least(40) else []
    return found or [], start, end, following


def _summary(found: ProjectHours, start: datetime, end: datetime, *, detailed: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "tenant_id": found.project_id,
        "start": clock.iso_micro(start),
        "stop": clock.iso_micro(end),
        "total_hours": found.total(),
        "total_vcpus_usage": found.total("vcpus"),
        "total_memory_mb_usage": found.total("memory_mb"),
        "total_local_gb_usage": found.total("local_gb"),
    }
    if detailed:
        view["server_usages"] = [_server(one) for one in found.servers]
    return view


def _server(one: ServerHours) -> dict[str, Any]:
    span = one.span
    return {
        "instance_id": span.id,
        "name": span.name,
        "tenant_id": span.project_id,
        "flavor": span.flavor,
        "vcpus": span.vcpus,
        "memory_mb": span.memory_mb,
        "local_gb": span.local_gb,
        "hours": one.hours,
        "uptime": one.uptime,
        "started_at": clock.iso_micro(span.started_at),
        "ended_at": clock.iso_micro(span.ended_at),
        "state": "terminated" if span.vm_state == model.DELETED else span.vm_state,
    }


async def index(request: Request) -> Response:
    request.authorize(_RULE + "list")
    if request.path.endswith("/"):
        raise NotFound  # one project's report, without its id
    found, start, end, following = await _usage(request, Scope.system(), "os-simple-tenant-usage")
    detailed = request.query.get("detailed") == "1"
    answer: dict[str, Any] = {"tenant_usages": [_summary(one, start, end, detailed=detailed) for one in found]}
    if following:
        answer["tenant_usages_links"] = following
    return reply(answer)


async def show(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "show", {"project_id": project_id})
    found, start, end, following = await _usage(
        request, Scope.project(project_id), f"os-simple-tenant-usage/{project_id}"
    )
    # A project without servers in that time has an empty report, not one of zeros: as upstream.
    view = _summary(found[0], start, end, detailed=True) if found else {}
    answer: dict[str, Any] = {"tenant_usage": view}
    if following:
        answer["tenant_usage_links"] = following
    return reply(answer)


_SHOW = query.Names(known={"start": None, "end": None}, added={40: query.PAGING}, strict=75)
_LIST = query.Names(known={"start": None, "end": None, "detailed": None}, added={40: query.PAGING}, strict=75)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-simple-tenant-usage", index, _LIST),
    get("/os-simple-tenant-usage/{id}", show, _SHOW),
)
