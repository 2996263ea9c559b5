"""GET /unkai/v1/explanations?server_id=: why a server is where it is, or nowhere."""

from typing import Any

from unkai.kernel.clock import iso_z
from unkai.kernel.errors import InvalidParameter
from unkai.kernel.ids import is_uuid
from unkai.kernel.scope import Scope
from unkai.kernel.web import Request, Response, Route, reply
from unkai.scheduler import explain, policy, service
from unkai.scheduler.model import Explanation

_MAX_LIMIT = 100


async def get_explanations(req: Request) -> Response:
    """A server's decisions, newest first: counts for its project, hosts too for administrators.

    Query: `server_id` (required), `limit` (default 20, at most 100).
    """
    server_id = req.query.get("server_id") or ""
    if not is_uuid(server_id):
        raise InvalidParameter(name="server_id", reason="the UUID of a server is needed")
    req.authorize(policy.LIST)
    limit = min(req.query.integer("limit", 20, minimum=1) or 20, _MAX_LIMIT)
    full = req.allows(policy.HOSTS)
    scope = Scope.system() if full else req.context.scope
    found = await req.kit.db.read(service.explanations, scope, server_id, limit)
    return reply({"explanations": [render(one, full=full) for one in found]})


async def get_explanation(req: Request) -> Response:
    req.authorize(policy.LIST)
    full = req.allows(policy.HOSTS)
    scope = Scope.system() if full else req.context.scope
    found = await req.kit.db.read(service.explanation, scope, req.params["explanation_id"])
    return reply({"explanation": render(found, full=full)})


def render(one: Explanation, *, full: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "server_id": one.server_id,
        "created_at": iso_z(one.created_at),
        "request_id": one.request_id,
        **(explain.for_admin(one.document) if full else explain.for_user(one.document)),
    }


ROUTES = (
    Route("GET", "/v1/explanations", get_explanations),
    Route("GET", "/v1/explanations/{explanation_id}", get_explanation),
)
