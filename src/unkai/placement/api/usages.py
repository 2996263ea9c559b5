"""/resource_providers/{uuid}/usages (upstream API: since 1.0) and /usages (since 1.9, by consumer type since 1.38)."""

from typing import Any

from unkai.kernel.scope import Scope
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer
from unkai.placement.api.query import Form, Param
from unkai.placement.service import allocations, inventories
from unkai.placement.versions import since

_NAME = Param(minimum=1, maximum=255)
_FORM = Form({"project_id": _NAME, "user_id": _NAME}, required=("project_id",))
_FORM38 = Form({**_FORM.params, "consumer_type": Param(minimum=1, maximum=255)}, required=("project_id",))


async def provider_usages(req: Request) -> Response:
    req.authorize("placement:resource_providers:usages")
    accepts_json(req)
    provider, used = await req.kit.db.read(inventories.usages, req.params["uuid"])
    return answer(req, {"resource_provider_generation": provider.generation, "usages": used})


async def total_usages(req: Request) -> Response:
    """Query: project_id; user_id, consumer_type (a type, `all` or `unknown`)."""
    accepts_json(req)
    query = (_FORM38 if req.at_least(38) else _FORM).check(req)
    project = query["project_id"]
    req.authorize("placement:usages", {"project_id": project})
    kind = query.get("consumer_type") if req.at_least(38) else "all"
    found = await req.kit.db.read(allocations.usages, Scope.project(project), query.get("user_id"), kind)
    return answer(req, {"usages": found if req.at_least(38) else _flat(found)})


def _flat(found: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Before 1.38: classes only."""
    return {name: used for name, used in found.get("all", {}).items() if name != "consumer_count"}


ROUTES = (
    Route("GET", "/resource_providers/{uuid}/usages", provider_usages),
    Route("GET", "/usages", total_usages, since=since(9)),
)
