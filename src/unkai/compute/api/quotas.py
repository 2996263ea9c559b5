"""Quota sets, quota classes and limits (upstream API reference: Quota sets, Limits)."""

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from unkai.compute.api import query
from unkai.compute.api.body import Body, Until, decode, given
from unkai.compute.api.kinds import Flag, Limit, number, truth
from unkai.compute.api.routes import Endpoint, delete, get, put
from unkai.compute.service import quotas as service
from unkai.compute.service.quotas import OF_NETWORK, Use
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "os_compute_api:os-quota-sets:"
_CLASS_RULE = "os_compute_api:os-quota-class-sets:"
_INJECTED = ("injected_files", "injected_file_content_bytes", "injected_file_path_bytes")
Bounded = Annotated[Limit, number(-1)]
_OLD = Annotated[Bounded | UnsetType, Until(35)]
_FILES = Annotated[Bounded | UnsetType, Until(56)]


class Quotas(Body):
    instances: Bounded | UnsetType = UNSET
    cores: Bounded | UnsetType = UNSET
    ram: Bounded | UnsetType = UNSET
    metadata_items: Bounded | UnsetType = UNSET
    key_pairs: Bounded | UnsetType = UNSET
    server_groups: Bounded | UnsetType = UNSET
    server_group_members: Bounded | UnsetType = UNSET
    floating_ips: _OLD = UNSET
    fixed_ips: _OLD = UNSET
    security_groups: _OLD = UNSET
    security_group_rules: _OLD = UNSET
    injected_files: _FILES = UNSET
    injected_file_content_bytes: _FILES = UNSET
    injected_file_path_bytes: _FILES = UNSET


class QuotaSet(Quotas):
    force: Flag | UnsetType = UNSET


class UpdateQuotas(Body):
    quota_set: QuotaSet


_CLASS_OLD = Annotated[Bounded | UnsetType, Until(49)]


class ClassQuotas(Quotas):
    """The class kept the network's quotas until 2.49."""

    floating_ips: _CLASS_OLD = UNSET
    fixed_ips: _CLASS_OLD = UNSET
    security_groups: _CLASS_OLD = UNSET
    security_group_rules: _CLASS_OLD = UNSET


class UpdateClass(Body):
    quota_class_set: ClassQuotas


def _hidden(request: Request) -> set[str]:
    hidden: set[str] = set()
    if request.at_least(36):
        hidden.update(OF_NETWORK)
    if request.at_least(57):
        hidden.update(_INJECTED)
    return hidden


def _set(request: Request, values: dict[str, Any], project_id: str | None) -> Response:
    view = {name: value for name, value in values.items() if name not in _hidden(request)}
    return reply({"quota_set": view if project_id is None else {"id": project_id, **view}})


async def show(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "show", {"project_id": project_id})
    found = await request.kit.db.read(service.show_limits, request.kit, project_id, request.query.get("user_id"))
    return _set(request, found, project_id)


async def detail(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "detail", {"project_id": project_id})
    found = await request.kit.db.read(service.show_uses, request.kit, project_id, request.query.get("user_id"))
    return _set(request, dict(found), project_id)


async def defaults(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "defaults", {"project_id": project_id})
    return _set(request, await request.kit.db.read(service.show_defaults, request.kit, project_id), project_id)


async def update(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "update", {"project_id": project_id})
    body = dict(given((await decode(request, UpdateQuotas)).quota_set))
    force = truth(body.pop("force", False))
    values = {name: int(value) for name, value in body.items()}
    found = await request.kit.db.run(
        service.set_limits, request.kit, project_id, request.query.get("user_id"), values, force=force
    )
    return _set(request, found, None)


async def remove(request: Request) -> Response:
    project_id = request.params["id"]
    request.authorize(_RULE + "delete", {"project_id": project_id})
    await request.kit.db.run(service.reset, request.kit, project_id, request.query.get("user_id"))
    return empty(202)


# --- classes


def _class(request: Request, values: dict[str, int], name: str | None) -> Response:
    hidden: set[str] = set()
    if request.at_least(50):
        hidden.update(OF_NETWORK)
    else:
        hidden.update(("server_groups", "server_group_members"))
    if request.at_least(57):
        hidden.update(_INJECTED)
    view: dict[str, Any] = {key: value for key, value in values.items() if key not in hidden}
    return reply({"quota_class_set": view if name is None else {"id": name, **view}})


async def show_class(request: Request) -> Response:
    request.authorize(_CLASS_RULE + "show")
    name = request.params["id"]
    return _class(request, await request.kit.db.read(service.class_limits, request.kit, name), name)


async def update_class(request: Request) -> Response:
    request.authorize(_CLASS_RULE + "update")
    body = given((await decode(request, UpdateClass)).quota_class_set)
    values = {name: int(value) for name, value in body.items()}
    found = await request.kit.db.run(service.set_class_limits, request.kit, request.params["id"], values)
    return _class(request, found, None)


# --- limits

# Names of limits by quota, and up to which minor version they are shown.
_ABSOLUTE: tuple[tuple[str, str, int], ...] = (
    ("ram", "maxTotalRAMSize", 9999),
    ("instances", "maxTotalInstances", 9999),
    ("cores", "maxTotalCores", 9999),
    ("key_pairs", "maxTotalKeypairs", 9999),
    ("metadata_items", "maxServerMeta", 9999),
    ("server_groups", "maxServerGroups", 9999),
    ("server_group_members", "maxServerGroupMembers", 9999),
    ("metadata_items", "maxImageMeta", 38),
    ("injected_files", "maxPersonality", 56),
    ("injected_file_content_bytes", "maxPersonalitySize", 56),
    ("floating_ips", "maxTotalFloatingIps", 35),
    ("security_groups", "maxSecurityGroups", 35),
    ("security_group_rules", "maxSecurityGroupRules", 35),
)
_USED: tuple[tuple[str, str, int], ...] = (
    ("ram", "totalRAMUsed", 9999),
    ("cores", "totalCoresUsed", 9999),
    ("instances", "totalInstancesUsed", 9999),
    ("server_groups", "totalServerGroupsUsed", 9999),
    ("floating_ips", "totalFloatingIpsUsed", 35),
    ("security_groups", "totalSecurityGroupsUsed", 35),
)


async def limits(request: Request) -> Response:
    request.authorize("os_compute_api:limits")
    project_id = request.context.project_id or ""
    if "tenant_id" in request.query:
        project_id = request.query.get("tenant_id") or ""
        request.authorize("os_compute_api:limits:other_project", {"project_id": project_id})
    uses: dict[str, Use] = await request.kit.db.read(service.uses, request.kit, project_id)
    minor = request.version.minor
    absolute = {shown: uses[name].limit for name, shown, until in _ABSOLUTE if minor <= until}
    absolute |= {shown: uses[name].in_use for name, shown, until in _USED if minor <= until}
    return reply({"limits": {"rate": [], "absolute": absolute}})


_USER = query.Names(known={"user_id": None}, strict=75)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/limits", limits, query.Names(known={"tenant_id": None}, strict=75)),
    get("/os-quota-sets/{id}", show, _USER),
    put("/os-quota-sets/{id}", update, _USER),
    delete("/os-quota-sets/{id}", remove, _USER),
    get("/os-quota-sets/{id}/detail", detail, _USER),
    get("/os-quota-sets/{id}/defaults", defaults),
    get("/os-quota-class-sets/{id}", show_class),
    put("/os-quota-class-sets/{id}", update_class),
)
