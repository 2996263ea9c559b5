"""/v3/policies"""

from typing import Any

from unkai.identity.api.common import collection, link, listing, read_change, read_resource, target
from unkai.identity.model import PolicyBlob
from unkai.identity.service import policies
from unkai.identity.service.policies import NewPolicy, PolicyChange
from unkai.kernel.paging import SortKey
from unkai.kernel.web import Request, Response, Route, empty, reply


def _render(req: Request, policy: PolicyBlob) -> dict[str, Any]:
    return {
        **policy.extra,
        "id": policy.id,
        "type": policy.type,
        "blob": policy.blob,
        "links": {"self": link(req, "policies", policy.id)},
    }


async def list_policies(req: Request) -> Response:
    """GET /v3/policies"""
    req.authorize("identity:list_policies", target(req))
    asked = listing(req, ("type",), sortable=("id", "type"), default=(SortKey("id"),))
    found, more = await req.kit.db.read(policies.listed, asked)
    return collection(req, "policies", [_render(req, one) for one in found], more=more, asked=asked)


async def create_policy(req: Request) -> Response:
    """POST /v3/policies"""
    req.authorize("identity:create_policy", target(req))
    wanted, body = await read_resource(req, "policy", NewPolicy)
    made = await req.kit.db.run(policies.create, wanted, body.extra)
    return reply({"policy": _render(req, made)}, 201)


async def show_policy(req: Request) -> Response:
    """GET /v3/policies/{policy_id}"""
    req.authorize("identity:get_policy", target(req))
    return reply({"policy": _render(req, await req.kit.db.read(policies.get, req.params["policy_id"]))})


async def update_policy(req: Request) -> Response:
    """PATCH /v3/policies/{policy_id}"""
    req.authorize("identity:update_policy", target(req))
    policy_id = req.params["policy_id"]
    wanted, body = await read_change(req, "policy", PolicyChange, policy_id)
    changed = await req.kit.db.run(policies.update, policy_id, wanted, body.extra)
    return reply({"policy": _render(req, changed)})


async def delete_policy(req: Request) -> Response:
    """DELETE /v3/policies/{policy_id}"""
    req.authorize("identity:delete_policy", target(req))
    await req.kit.db.run(policies.delete, req.params["policy_id"])
    return empty(204)


ROUTES = (
    Route("GET", "/v3/policies", list_policies),
    Route("POST", "/v3/policies", create_policy),
    Route("GET", "/v3/policies/{policy_id}", show_policy),
    Route("PATCH", "/v3/policies/{policy_id}", update_policy),
    Route("DELETE", "/v3/policies/{policy_id}", delete_policy),
)
