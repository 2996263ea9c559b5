"""/v3/registered_limits and /v3/limits"""

from typing import Any

from unkai.identity.api.common import collection, convert, link, listing, read_resource, target
from unkai.identity.errors import LimitNotFound
from unkai.identity.model import Limit, RegisteredLimit
from unkai.identity.service import limits
from unkai.identity.service.limits import LimitChange, NewLimit, RegisteredLimitFields
from unkai.kernel.errors import InvalidBody
from unkai.kernel.paging import SortKey
from unkai.kernel.scope import Scope
from unkai.kernel.web import Request, Response, Route, empty, reply

_BY_ID = (SortKey("id"),)
_FILTERS = ("service_id", "region_id", "resource_name")


def _registered(req: Request, limit: RegisteredLimit) -> dict[str, Any]:
    return {
        "id": limit.id,
        "service_id": limit.service_id,
        "region_id": limit.region_id,
        "resource_name": limit.resource_name,
        "default_limit": limit.default_limit,
        "description": limit.description,
        "links": {"self": link(req, "registered_limits", limit.id)},
    }


def _limit(req: Request, limit: Limit) -> dict[str, Any]:
    return {
        "id": limit.id,
        "service_id": limit.service_id,
        "region_id": limit.region_id,
        "resource_name": limit.resource_name,
        "resource_limit": limit.resource_limit,
        "description": limit.description,
        "project_id": limit.project_id,
        "domain_id": limit.domain_id,
        "links": {"self": link(req, "limits", limit.id)},
    }


async def _several(req: Request, key: str) -> list[Any]:
    """The list under `key`: limits are created several at a time. Raises InvalidBody."""
    content = await req.json()
    found = content.get(key) if isinstance(content, dict) else None
    if not isinstance(found, list) or not found:
        raise InvalidBody(reason=f"'{key}' is a required property and must be a list that is not empty.")
    return found


async def list_registered(req: Request) -> Response:
    """GET /v3/registered_limits"""
    req.authorize("identity:list_registered_limits", target(req))
    asked = listing(req, _FILTERS, sortable=("id", *_FILTERS), default=_BY_ID)
    found, more = await req.kit.db.read(limits.list_registered, asked)
    return collection(req, "registered_limits", [_registered(req, one) for one in found], more=more, asked=asked)


async def create_registered(req: Request) -> Response:
    """POST /v3/registered_limits"""
    req.authorize("identity:create_registered_limits", target(req))
    wanted = convert(await _several(req, "registered_limits"), list[RegisteredLimitFields], "registered_limits")
    made = await req.kit.db.run(limits.create_registered, wanted)
    return reply({"registered_limits": [_registered(req, one) for one in made]}, 201)


async def show_registered(req: Request) -> Response:
    """GET /v3/registered_limits/{registered_limit_id}"""
    req.authorize("identity:get_registered_limit", target(req))
    found = await req.kit.db.read(limits.registered, req.params["registered_limit_id"])
    return reply({"registered_limit": _registered(req, found)})


async def update_registered(req: Request) -> Response:
    """PATCH /v3/registered_limits/{registered_limit_id}"""
    req.authorize("identity:update_registered_limit", target(req))
    wanted, _ = await read_resource(req, "registered_limit", RegisteredLimitFields)
    changed = await req.kit.db.run(limits.update_registered, req.params["registered_limit_id"], wanted)
    return reply({"registered_limit": _registered(req, changed)})


async def delete_registered(req: Request) -> Response:
    """DELETE /v3/registered_limits/{registered_limit_id}"""
    req.authorize("identity:delete_registered_limit", target(req))
    await req.kit.db.run(limits.delete_registered, req.params["registered_limit_id"])
    return empty(204)


async def show_model(req: Request) -> Response:
    """GET /v3/limits/model"""
    req.authorize("identity:get_limit_model", target(req))
    return reply({"model": limits.MODEL, "links": {"self": link(req, "limits", "model")}})


def _seen(req: Request) -> Scope:
    """Everything for the system, else what is the caller's own."""
    context = req.context
    if context.system_scope or context.is_admin or "service" in context.roles:
        return Scope.system()
    return context.scope


async def list_limits(req: Request) -> Response:
    """GET /v3/limits"""
    req.authorize("identity:list_limits", target(req))
    filters = (*_FILTERS, "project_id", "domain_id")
    asked = listing(req, filters, sortable=("id", *filters), default=_BY_ID)
    found, more = await req.kit.db.read(limits.listed, _seen(req), asked)
    return collection(req, "limits", [_limit(req, one) for one in found], more=more, asked=asked)


async def create_limits(req: Request) -> Response:
    """POST /v3/limits"""
    req.authorize("identity:create_limits", target(req))
    wanted = convert(await _several(req, "limits"), list[NewLimit], "limits")
    made = await req.kit.db.run(limits.create, wanted)
    return reply({"limits": [_limit(req, one) for one in made]}, 201)


async def show_limit(req: Request) -> Response:
    """GET /v3/limits/{limit_id}"""
    try:
        found, project_domain = await req.kit.db.read(limits.limit_facts, req.params["limit_id"])
    except LimitNotFound:
        req.authorize("identity:get_limit", target(req))
        raise
    facts = {
        "target.limit.domain.id": found.domain_id,
        "target.limit.project_id": found.project_id,
        "target.limit.project.domain_id": project_domain,
    }
    req.authorize("identity:get_limit", target(req, facts))
    return reply({"limit": _limit(req, found)})


async def update_limit(req: Request) -> Response:
    """PATCH /v3/limits/{limit_id}"""
    req.authorize("identity:update_limit", target(req))
    wanted, _ = await read_resource(req, "limit", LimitChange)
    changed = await req.kit.db.run(limits.update, req.params["limit_id"], wanted)
    return reply({"limit": _limit(req, changed)})


async def delete_limit(req: Request) -> Response:
    """DELETE /v3/limits/{limit_id}"""
    req.authorize("identity:delete_limit", target(req))
    await req.kit.db.run(limits.delete, req.params["limit_id"])
    return empty(204)


ROUTES = (
    Route("GET", "/v3/registered_limits", list_registered),
    Route("POST", "/v3/registered_limits", create_registered),
    Route("GET", "/v3/registered_limits/{registered_limit_id}", show_registered),
    Route("PATCH", "/v3/registered_limits/{registered_limit_id}", update_registered),
    Route("DELETE", "/v3/registered_limits/{registered_limit_id}", delete_registered),
    Route("GET", "/v3/limits", list_limits),
    Route("POST", "/v3/limits", create_limits),
    Route("GET", "/v3/limits/model", show_model),
    Route("GET", "/v3/limits/{limit_id}", show_limit),
    Route("PATCH", "/v3/limits/{limit_id}", update_limit),
    Route("DELETE", "/v3/limits/{limit_id}", delete_limit),
)
