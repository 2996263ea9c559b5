"""/v3/roles, what roles imply, and /v3/role_inferences."""

from typing import Any

from unkai.identity.api.common import collection, link, listing, read_change, read_resource, target
from unkai.identity.model import Filter, Listing, Role
from unkai.identity.service import lookup, roles
from unkai.identity.service.roles import RoleFields
from unkai.kernel.web import Request, Response, Route, empty, reply


def render_role(req: Request, role: Role) -> dict[str, Any]:
    return {
        **role.extra,
        "id": role.id,
        "name": role.name,
        "domain_id": role.domain_id,
        "description": role.description,
        "options": role.options,
        "links": {"self": link(req, "roles", role.id)},
    }


def _short(req: Request, role: Role) -> dict[str, Any]:
    return {"id": role.id, "name": role.name, "links": {"self": link(req, "roles", role.id)}}


async def _authorized(req: Request, verb: str, role_id: str) -> Role:
    """The role, if the caller may do `verb` with it: roles of domains have rules of their own.

    Raises RoleNotFound, Forbidden, in upstream's order.
    """
    role = await req.kit.db.read(lookup.role, role_id)
    facts = {"target.role.id": role.id, "target.role.name": role.name, "target.role.domain_id": role.domain_id}
    kind = "role" if role.domain_id is None else "domain_role"
    req.authorize(f"identity:{verb}_{kind}", target(req, facts))
    return role


async def list_roles(req: Request) -> Response:
    """GET /v3/roles: global roles, or with domain_id those of a domain"""
    of_domain = req.query.get("domain_id")
    req.authorize("identity:list_domain_roles" if of_domain else "identity:list_roles", target(req))
    asked = listing(req, ("name",))
    filters = (*asked.filters, Filter("domain_id", of_domain or ""))
    asked = Listing(filters=filters, limit=asked.limit, marker=asked.marker, sort=asked.sort)
    found, more = await req.kit.db.read(roles.listed, asked)
    return collection(req, "roles", [render_role(req, role) for role in found], more=more, asked=asked)


async def create_role(req: Request) -> Response:
    """POST /v3/roles"""
    wanted, body = await read_resource(req, "role", RoleFields)
    of_domain = isinstance(wanted.domain_id, str)
    req.authorize("identity:create_domain_role" if of_domain else "identity:create_role", target(req))
    role = await req.kit.db.run(roles.create, wanted, body.extra)
    return reply({"role": render_role(req, role)}, 201)


async def show_role(req: Request) -> Response:
    """GET /v3/roles/{role_id}"""
    return reply({"role": render_role(req, await _authorized(req, "get", req.params["role_id"]))})


async def update_role(req: Request) -> Response:
    """PATCH /v3/roles/{role_id}"""
    role_id = req.params["role_id"]
    await _authorized(req, "update", role_id)
    wanted, body = await read_change(req, "role", RoleFields, role_id)
    role = await req.kit.db.run(roles.update, role_id, wanted, body.extra, body.changed)
    return reply({"role": render_role(req, role)})


async def delete_role(req: Request) -> Response:
    """DELETE /v3/roles/{role_id}"""
    role_id = req.params["role_id"]
    await _authorized(req, "delete", role_id)
    await req.kit.db.run(roles.delete, role_id)
    return empty(204)


async def list_implied(req: Request) -> Response:
    """GET /v3/roles/{role_id}/implies"""
    req.authorize("identity:list_implied_roles", target(req))
    role_id = req.params["role_id"]
    prior, implied = await req.kit.db.read(roles.implied_by, role_id)
    inference = {"prior_role": _short(req, prior), "implies": [_short(req, role) for role in implied]}
    return reply({"role_inference": inference, "links": {"self": link(req, "roles", role_id, "implies")}})


def _implication(req: Request, prior: Role, implied: Role) -> dict[str, Any]:
    return {
        "role_inference": {"prior_role": _short(req, prior), "implies": _short(req, implied)},
        "links": {"self": link(req, "roles", prior.id, "implies", implied.id)},
    }


async def show_implied(req: Request) -> Response:
    """GET /v3/roles/{role_id}/implies/{implied_role_id}"""
    req.authorize("identity:get_implied_role", target(req))
    pair = await req.kit.db.read(roles.implication, req.params["role_id"], req.params["implied_role_id"])
    return reply(_implication(req, *pair))


async def check_implied(req: Request) -> Response:
    """HEAD /v3/roles/{role_id}/implies/{implied_role_id}"""
    req.authorize("identity:check_implied_role", target(req))
    await req.kit.db.read(roles.implication, req.params["role_id"], req.params["implied_role_id"])
    return empty(204)


async def add_implied(req: Request) -> Response:
    """PUT /v3/roles/{role_id}/implies/{implied_role_id}"""
    req.authorize("identity:create_implied_role", target(req))
    pair = await req.kit.db.run(roles.imply, req.kit, req.params["role_id"], req.params["implied_role_id"])
    return reply(_implication(req, *pair), 201)


async def remove_implied(req: Request) -> Response:
    """DELETE /v3/roles/{role_id}/implies/{implied_role_id}"""
    req.authorize("identity:delete_implied_role", target(req))
    await req.kit.db.run(roles.forget_implication, req.params["role_id"], req.params["implied_role_id"])
    return empty(204)


async def list_inferences(req: Request) -> Response:
    """GET /v3/role_inferences"""
    req.authorize("identity:list_role_inference_rules", target(req))
    found = await req.kit.db.read(roles.inferences)
    items = [
        {"prior_role": _short(req, prior), "implies": [_short(req, role) for role in implied]}
        for prior, implied in found
    ]
    return reply({"role_inferences": items, "links": {"self": link(req, "role_inferences")}})


ROUTES = (
    Route("GET", "/v3/roles", list_roles),
    Route("POST", "/v3/roles", create_role),
    Route("GET", "/v3/roles/{role_id}", show_role),
    Route("PATCH", "/v3/roles/{role_id}", update_role),
    Route("DELETE", "/v3/roles/{role_id}", delete_role),
    Route("GET", "/v3/roles/{role_id}/implies", list_implied),
    Route("GET", "/v3/roles/{role_id}/implies/{implied_role_id}", show_implied),
    Route("HEAD", "/v3/roles/{role_id}/implies/{implied_role_id}", check_implied),
    Route("PUT", "/v3/roles/{role_id}/implies/{implied_role_id}", add_implied),
    Route("DELETE", "/v3/roles/{role_id}/implies/{implied_role_id}", remove_implied),
    Route("GET", "/v3/role_inferences", list_inferences),
)
