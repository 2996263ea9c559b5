"""/quotas: what projects may have, and what they use of it."""

from typing import Any

from unkai.kernel.quota import UNLIMITED
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, empty, reply
from unkai.network.api.attributes import integer
from unkai.network.api.resource import VERSION
from unkai.network.errors import HTTPBadRequest, TenantQuotaNotFound
from unkai.network.service import quotas
from unkai.network.service.access import SERVICE


def _may_read(request: Request, project_id: str) -> None:
    """A project reads its own quota, an administrator everybody's."""
    if project_id != request.context.project_id:
        request.authorize("get_quota", {"project_id": project_id, "tenant_id": project_id})


async def _list(request: Request) -> Response:
    """Quotas of the projects that have some of their own."""
    request.authorize("get_quota", {})
    found = await request.kit.db.read(quotas.of_all_projects, request.kit)
    return reply({"quotas": [limits | _names(project) for project, limits in found.items()]})


async def _show(request: Request) -> Response:
    """A project's quota."""
    project_id = request.params["project_id"]
    _may_read(request, project_id)
    limits = await request.kit.db.read(lambda tx: request.kit.quota.limits(tx, SERVICE, project_id))
    return reply({"quota": limits})


async def _default(request: Request) -> Response:
    """The quota of projects that have none of their own."""
    _may_read(request, request.params["project_id"])
    limits = await request.kit.db.read(lambda tx: request.kit.quota.defaults(tx, SERVICE))
    return reply({"quota": limits})


async def _details(request: Request) -> Response:
    """A project's quota with what is used of it."""
    project_id = request.params["project_id"]
    _may_read(request, project_id)

    def work(tx: Tx) -> dict[str, Any]:
        limits = request.kit.quota.limits(tx, SERVICE, project_id)
        used = request.kit.quota.usage(tx, SERVICE, project_id)
        return {name: {"limit": limit, "used": used[name], "reserved": 0} for name, limit in limits.items()}

    return reply({"quota": await request.kit.db.read(work)})


async def _update(request: Request) -> Response:
    """Set a project's quota."""
    project_id = request.params["project_id"]
    request.authorize("update_quota", {"project_id": project_id, "tenant_id": project_id})
    body = await request.json()
    given = body.get("quota") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise HTTPBadRequest(reason="Unable to find 'quota' in request body")
    known = set(request.kit.quota.names(SERVICE))
    values = {}
    for name, value in given.items():
        if name in ("force", "check_limit", "tenant_id", "project_id"):
            continue
        if name not in known:
            raise HTTPBadRequest(reason=f"Unrecognized attribute(s) '{name}'")
        try:
            values[name] = integer(UNLIMITED, 2**31 - 1)(value)
        except ValueError as error:
            raise HTTPBadRequest(reason=f"Invalid input for {name}. Reason: {error}.") from None
    check = str(given.get("check_limit", "")).lower() in ("true", "1")
    limits = await request.kit.db.run(quotas.update, request.kit, project_id, values, check)
    return reply({"quota": limits})


async def _delete(request: Request) -> Response:
    """Put a project's quota back to the defaults."""
    project_id = request.params["project_id"]
    request.authorize("delete_quota", {"project_id": project_id, "tenant_id": project_id})
    if not await request.kit.db.run(quotas.reset, request.kit, project_id):
        raise TenantQuotaNotFound(id=project_id)
    return empty(204)


def _names(project_id: str) -> dict[str, str]:
    return {"project_id": project_id, "tenant_id": project_id}


_ONE = f"{VERSION}/quotas/{{project_id}}"

ROUTES = (
    Route("GET", f"{VERSION}/quotas", _list),
    Route("GET", _ONE, _show),
    Route("PUT", _ONE, _update),
    Route("DELETE", _ONE, _delete),
    Route("GET", f"{_ONE}/default", _default),
    Route("GET", f"{_ONE}/default.json", _default),
    Route("GET", f"{_ONE}/details", _details),
    Route("GET", f"{_ONE}/details.json", _details),
)
