"""What was done to a server: its flows and their steps under upstream's names (API reference: Instance actions)."""

import hashlib
from typing import Any

from unkai.compute.api import query
from unkai.compute.api.links import next_page
from unkai.compute.api.routes import Endpoint, get
from unkai.compute.api.server_parts import server_of
from unkai.compute.api.servers import target
from unkai.compute.errors import ActionNotFound
from unkai.compute.server import Server
from unkai.compute.service import actions as service
from unkai.compute.service.actions import Action, Event
from unkai.kernel.clock import iso_micro
from unkai.kernel.errors import BadRequest
from unkai.kernel.web import Request, Response, reply

_RULE = "os-instance-actions"


def _view(request: Request, server: Server, action: Action) -> dict[str, Any]:
    view: dict[str, Any] = {
        "action": action.name,
        "instance_uuid": server.id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": iso_micro(action.started_at),
        "message": action.message,
    }
    if request.at_least(58):
        view["updated_at"] = iso_micro(action.updated_at)
    return view


async def index(request: Request) -> Response:
    server = await server_of(request, _RULE + ":list", deleted=request.at_least(21))
    found = await request.kit.db.read(service.actions_of, server.id)
    if not request.at_least(58):
        return reply({"instanceActions": [_view(request, server, action) for action in found]})
    since = query.when(request, "changes-since")
    before = query.when(request, "changes-before") if request.at_least(66) else None
    if since is not None and before is not None and before < since:
        raise BadRequest(reason="The value of changes-since must be less than or equal to changes-before.")
    found = [
        action
        for action in found
        if (since is None or action.updated_at >= since) and (before is None or action.updated_at <= before)
    ]
    part = query.window(request)
    if part.marker is not None:
        positions = [number for number, action in enumerate(found) if action.request_id == part.marker]
        query.require_marker(positions or None, part.marker)
        found = found[positions[-1] + 1 :]
    found = found[: part.limit]
    answer: dict[str, Any] = {"instanceActions": [_view(request, server, action) for action in found]}
    ids = [action.request_id for action in found]
    following = next_page(request, f"servers/{server.id}/os-instance-actions", ids, part.limit)
    if following:
        answer["links"] = following
    return reply(answer)


async def show(request: Request) -> Response:
    server = await server_of(request, _RULE + ":show", deleted=request.at_least(21))
    wanted = request.params["request_id"]
    found = await request.kit.db.read(service.actions_of, server.id)
    action = next((action for action in found if action.request_id == wanted), None)
    if action is None:
        raise ActionNotFound(request=wanted[:64], server=server.id)
    view = _view(request, server, action)
    whole = request.allows(f"os_compute_api:{_RULE}:events", target(server))
    if whole or request.at_least(51):
        details = request.at_least(84) and request.allows(f"os_compute_api:{_RULE}:events:details", target(server))
        view["events"] = [_event(request, server, event, whole=whole, details=details) for event in action.events]
    return reply({"instanceAction": view})


def _event(request: Request, server: Server, event: Event, *, whole: bool, details: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "event": event.name,
        "start_time": iso_micro(event.started_at),
        "finish_time": iso_micro(event.finished_at),
        "result": event.result,
    }
    if whole:
        view["traceback"] = event.traceback
    if request.at_least(62):
        if whole:
            view["host"] = event.host
        text = (server.project_id + event.host).encode() if event.host else b""
        view["hostId"] = hashlib.sha224(text).hexdigest() if text else ""
    if details:
        view["details"] = event.details
    return view


_LIST = query.Names(
    added={
        58: {**query.PAGING, "changes-since": query.time},
        66: {"changes-before": query.time},
    },
    strict=58,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers/{server_id}/os-instance-actions", index, _LIST),
    get("/servers/{server_id}/os-instance-actions/{request_id}", show),
)
