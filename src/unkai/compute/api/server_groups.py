"""Server groups (upstream API reference: Server groups)."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from unkai.compute.api import query
from unkai.compute.api.body import Body, Since, Until, decode
from unkai.compute.api.kinds import Name, PositiveNumber, present, refuse, whole
from unkai.compute.api.routes import Endpoint, delete, get, post
from unkai.compute.service import groups as service
from unkai.compute.settings import ApiOptions
from unkai.compute.store.groups import ServerGroup
from unkai.kernel.errors import BadRequest
from unkai.kernel.scope import Scope
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "os_compute_api:os-server-groups:"
Policy = Literal["anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"]


class Rules(Body):
    max_server_per_host: PositiveNumber | UnsetType = UNSET


class NewGroup(Body):
    name: Name
    policies: Annotated[Annotated[list[Policy], Meta(min_length=1, max_length=1)] | UnsetType, Until(63)] = UNSET
    policy: Annotated[Policy | UnsetType, Since(64)] = UNSET
    rules: Annotated[Rules | UnsetType, Since(64)] = UNSET


class CreateGroup(Body):
    server_group: NewGroup


def _view(request: Request, group: ServerGroup) -> dict[str, Any]:
    view: dict[str, Any] = {"id": group.id, "name": group.name, "members": list(group.members)}
    if request.at_least(64):
        view.update(policy=group.policy, rules=dict(group.rules))
    else:
        view.update(policies=[group.policy], metadata={})
    if request.at_least(13):
        view.update(project_id=group.project_id, user_id=group.user_id)
    return view


async def index(request: Request) -> Response:
    request.authorize(_RULE + "index")
    scope = Scope.project(request.context.project_id or "")
    if "all_projects" in request.query and request.context.is_admin:
        request.authorize(_RULE + "index:all_projects")
        scope = Scope.system()
    most = request.kit.settings[ApiOptions].max_limit
    limit = request.query.integer("limit") or most
    offset = request.query.integer("offset") or 0
    found = await request.kit.db.read(service.list_groups, scope, offset, min(limit, most))
    return reply({"server_groups": [_view(request, group) for group in found]})


async def show(request: Request) -> Response:
    group = await request.kit.db.read(service.get_group, request.params["group_id"])
    request.authorize(_RULE + "show", {"project_id": group.project_id})
    return reply({"server_group": _view(request, group)})


async def create(request: Request) -> Response:
    request.authorize(_RULE + "create")
    body = (await decode(request, CreateGroup)).server_group
    policy = _policy(request, body)
    rules = present(body.rules, Rules())
    limits = {} if rules.max_server_per_host is UNSET else {"max_server_per_host": whole(rules.max_server_per_host)}
    if policy != "anti-affinity" and body.rules is not UNSET and limits:
        raise BadRequest(reason="Only anti-affinity policy supports rules.")
    group = await request.kit.db.run(service.create_group, request.kit, request.context, body.name, policy, limits)
    return reply({"server_group": _view(request, group)})


def _policy(request: Request, body: NewGroup) -> str:
    if request.at_least(64):
        if isinstance(body.policy, UnsetType):
            raise refuse("policy", None, "'policy' is a required property")
        return body.policy
    if isinstance(body.policies, UnsetType):
        raise refuse("policies", None, "'policies' is a required property")
    policy = body.policies[0]
    if policy.startswith("soft-") and not request.at_least(15):
        raise refuse("policies", policy, "soft policies exist from 2.15 on")
    return policy


async def remove(request: Request) -> Response:
    group = await request.kit.db.read(service.get_group, request.params["group_id"])
    request.authorize(_RULE + "delete", {"project_id": group.project_id})
    await request.kit.db.run(service.delete_group, group.id)
    return empty(204)


_LIST = query.Names(known={"all_projects": None, "limit": query.number, "offset": query.number}, strict=75)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-server-groups", index, _LIST),
    post("/os-server-groups", create),
    get("/os-server-groups/{group_id}", show),
    delete("/os-server-groups/{group_id}", remove),
)
