"""Flavors, their extra specs and access lists (upstream API reference: Flavors)."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from unkai.compute import extra_specs
from unkai.compute.api import query
from unkai.compute.api.actions import only_action
from unkai.compute.api.body import Body, Check, Since, Until, convert, decode
from unkai.compute.api.kinds import (
    Flag,
    Name,
    Number,
    PositiveNumber,
    present,
    printable,
    refuse,
    truth,
    whole,
)
from unkai.compute.api.links import links, next_page
from unkai.compute.api.routes import Endpoint, delete, get, post, put
from unkai.compute.errors import InvalidField, UnknownAction
from unkai.compute.flavor import Flavor
from unkai.compute.service import flavors as service
from unkai.compute.store.flavors import SORTABLE, Filters
from unkai.kernel.errors import InvalidParameter
from unkai.kernel.ids import new_uuid
from unkai.kernel.paging import Page, SortKey
from unkai.kernel.web import Request, Response, empty, reply

_MAX_FLOAT = 3.40282e38


def _factor(value: Any) -> str | None:
    return None if 0 < float(value) <= _MAX_FLOAT else f"'rxtx_factor' must be a float between 0 and {_MAX_FLOAT:g}"


FlavorId = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A(?! )[a-zA-Z0-9. _-]+(?<! )\Z")]
Description = Annotated[str, Meta(max_length=65535), Check(printable)]
Decimal = Annotated[str, Meta(pattern=r"\A[0-9]+(\.[0-9]+)?\Z", max_length=64)]


class NewFlavor(Body):
    name: Name
    ram: PositiveNumber
    vcpus: PositiveNumber
    disk: Number
    id: FlavorId | int | float | None | UnsetType = UNSET
    ephemeral: Number | UnsetType = field(default=UNSET, name="OS-FLV-EXT-DATA:ephemeral")
    swap: Number | UnsetType = UNSET
    rxtx_factor: Annotated[int | float | Decimal | UnsetType, Until(101), Check(_factor)] = UNSET
    is_public: Flag | UnsetType = field(default=UNSET, name="os-flavor-access:is_public")
    description: Annotated[Description | None | UnsetType, Since(55)] = UNSET


class CreateFlavor(Body):
    flavor: NewFlavor


class NewDescription(Body):
    description: Description | None


class UpdateFlavor(Body):
    flavor: NewDescription


class Tenant(Body):
    tenant: Annotated[str, Meta(min_length=1, max_length=255)]


class AddAccess(Body):
    add: Tenant = field(name="addTenantAccess")


class RemoveAccess(Body):
    remove: Tenant = field(name="removeTenantAccess")


def _specs(value: Any) -> str | None:
    """Upstream's pattern of keys; values are texts or numbers."""
    from unkai.compute.api.kinds import metadata_items

    return metadata_items({key: str(text) for key, text in value.items()})


Specs = Annotated[dict[str, str | int | float], Check(_specs)]


class CreateSpecs(Body):
    extra_specs: Specs


# --- views


def _brief(request: Request, flavor: Flavor) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": flavor.flavor_id,
        "name": flavor.name,
        "links": links(request, "flavors", flavor.flavor_id),
    }
    if request.at_least(55):
        view["description"] = flavor.description
    return view


def _whole(request: Request, flavor: Flavor, with_specs: bool) -> dict[str, Any]:
    view = _brief(request, flavor)
    view.update(
        {
            "ram": flavor.memory_mb,
            "disk": flavor.root_gb,
            "swap": flavor.swap_mb or (0 if request.at_least(75) else ""),
            "vcpus": flavor.vcpus,
            "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gb,
            "os-flavor-access:is_public": flavor.is_public,
        }
    )
    if not request.at_least(102):
        view["OS-FLV-DISABLED:disabled"] = flavor.disabled
        view["rxtx_factor"] = flavor.rxtx_factor
    if with_specs:
        view["extra_specs"] = flavor.extra_specs
    return view


def _sees_specs(request: Request) -> bool:
    return request.at_least(61) and request.allows("os_compute_api:os-flavor-extra-specs:index")


def _access(flavor_id: str, projects: list[str]) -> Response:
    return reply({"flavor_access": [{"flavor_id": flavor_id, "tenant_id": project} for project in projects]})


# --- flavors


async def _page(request: Request) -> tuple[list[Flavor], int]:
    part = query.window(request)
    key = request.query.get("sort_key") or "flavorid"
    direction = request.query.get("sort_dir") or "asc"
    page = Page(part.limit, part.marker, (SortKey(key, "desc" if direction == "desc" else "asc"),))
    filters = Filters(
        is_public=_wants_public(request) if request.context.is_admin else True,
        disabled=None if request.context.is_admin else False,
        min_ram=_least(request, "minRam"),
        min_disk=_least(request, "minDisk"),
        name=request.query.get("name") if request.at_least(102) else None,
    )
    found = await request.kit.db.read(service.list_flavors, request.context, filters, page)
    query.require_marker(found, part.marker)
    return found or [], part.limit


def _wants_public(request: Request) -> bool | None:
    """Only administrators may ask for private flavors; "None" is both kinds."""
    text = request.query.get("is_public")
    if text is not None and text.lower() == "none":
        return None
    return request.query.flag("is_public", True)


def _least(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidParameter(name=name, reason=f"Invalid {name} filter [{text[:64]}]") from error


async def index(request: Request) -> Response:
    found, limit = await _page(request)
    return _list(request, "flavors", [_brief(request, flavor) for flavor in found], limit)


async def detail(request: Request) -> Response:
    found, limit = await _page(request)
    with_specs = _sees_specs(request)
    return _list(request, "flavors/detail", [_whole(request, flavor, with_specs) for flavor in found], limit)


def _list(request: Request, collection: str, views: list[dict[str, Any]], limit: int) -> Response:
    answer: dict[str, Any] = {"flavors": views}
    following = next_page(request, collection, [view["id"] for view in views], limit)
    if following:
        answer["flavors_links"] = following
    return reply(answer)


async def show(request: Request) -> Response:
    flavor = await request.kit.db.read(service.get_flavor, request.context, request.params["flavor_id"])
    return reply({"flavor": _whole(request, flavor, _sees_specs(request))})


async def create(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-manage:create")
    body = (await decode(request, CreateFlavor)).flavor
    chosen = present(body.id, None)
    flavor = Flavor(
        flavor_id=new_uuid() if chosen is None else str(chosen),
        name=body.name,
        vcpus=whole(body.vcpus),
        memory_mb=whole(body.ram),
        root_gb=whole(body.disk),
        ephemeral_gb=whole(body.ephemeral),
        swap_mb=whole(body.swap),
        rxtx_factor=1.0 if isinstance(body.rxtx_factor, UnsetType) else float(body.rxtx_factor),
        is_public=truth(body.is_public, True),
        description=present(body.description, None),
    )
    made = await request.kit.db.run(service.create_flavor, flavor)
    return reply({"flavor": _whole(request, made, _sees_specs(request))})


async def update(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-manage:update")
    body = (await decode(request, UpdateFlavor)).flavor
    flavor = await request.kit.db.run(
        service.describe_flavor, request.context, request.params["flavor_id"], body.description
    )
    return reply({"flavor": _whole(request, flavor, _sees_specs(request))})


async def remove(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-manage:delete")
    await request.kit.db.run(service.delete_flavor, request.context, request.params["flavor_id"])
    return empty(202)


# --- access


async def access(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-access")
    flavor_id = request.params["flavor_id"]
    return _access(flavor_id, await request.kit.db.read(service.access_list, request.context, flavor_id))


async def act(request: Request) -> Response:
    flavor_id = request.params["flavor_id"]
    name, content = await only_action(request)
    if name == "addTenantAccess":
        request.authorize("os_compute_api:os-flavor-access:add_tenant_access")
        tenant = convert(request, content, AddAccess).add.tenant
        projects = await request.kit.db.run(
            service.give_access, request.context, flavor_id, tenant, refuse_public=request.at_least(7)
        )
    elif name == "removeTenantAccess":
        request.authorize("os_compute_api:os-flavor-access:remove_tenant_access")
        tenant = convert(request, content, RemoveAccess).remove.tenant
        projects = await request.kit.db.run(service.take_access, request.context, flavor_id, tenant)
    else:
        raise UnknownAction(action=name)
    return _access(flavor_id, projects)


# --- extra specs


def _texts(request: Request, specs: dict[str, str | int | float]) -> dict[str, str]:
    texts = {key: str(value) for key, value in specs.items()}
    if request.at_least(86):
        extra_specs.check(texts)
    return texts


async def list_specs(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-extra-specs:index")
    flavor = await request.kit.db.read(service.get_flavor, request.context, request.params["flavor_id"])
    return reply({"extra_specs": flavor.extra_specs})


async def create_specs(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-extra-specs:create")
    body = await decode(request, CreateSpecs)
    specs = _texts(request, body.extra_specs)
    await request.kit.db.run(service.set_extra_specs, request.context, request.params["flavor_id"], specs)
    return reply({"extra_specs": body.extra_specs})


async def show_spec(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-extra-specs:show")
    key = request.params["key"]
    value = await request.kit.db.read(service.extra_spec, request.context, request.params["flavor_id"], key)
    return reply({key: value})


async def update_spec(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-extra-specs:update")
    content = await request.json()
    if not isinstance(content, dict) or len(content) != 1:
        raise InvalidField(field="extra_specs", value=type(content).__name__, reason="one key and its value expected")
    specs = convert(request, {"extra_specs": content}, CreateSpecs).extra_specs
    if request.params["key"] not in specs:
        raise refuse("key", request.params["key"], "Request body and URI mismatch")
    texts = _texts(request, specs)
    await request.kit.db.run(service.set_extra_specs, request.context, request.params["flavor_id"], texts)
    return reply(specs)


async def delete_spec(request: Request) -> Response:
    request.authorize("os_compute_api:os-flavor-extra-specs:delete")
    params = request.params
    await request.kit.db.run(service.unset_extra_spec, request.context, params["flavor_id"], params["key"])
    return empty(200)


_SORT = query.one_of(SORTABLE)
_LIST = query.Names(
    known={
        **query.PAGING,
        **dict.fromkeys(("is_public", "minRam", "minDisk")),
        "sort_key": _SORT,
        "sort_dir": query.one_of(("asc", "desc")),
    },
    added={102: {"name": None, "sort_key": query.one_of(name for name in SORTABLE if name != "rxtx_factor")}},
    strict=75,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/flavors", index, _LIST),
    post("/flavors", create),
    get("/flavors/detail", detail, _LIST),
    get("/flavors/{flavor_id}", show),
    put("/flavors/{flavor_id}", update, since=55),
    delete("/flavors/{flavor_id}", remove),
    post("/flavors/{flavor_id}/action", act),
    get("/flavors/{flavor_id}/os-flavor-access", access),
    get("/flavors/{flavor_id}/os-extra_specs", list_specs),
    post("/flavors/{flavor_id}/os-extra_specs", create_specs),
    get("/flavors/{flavor_id}/os-extra_specs/{key}", show_spec),
    put("/flavors/{flavor_id}/os-extra_specs/{key}", update_spec),
    delete("/flavors/{flavor_id}/os-extra_specs/{key}", delete_spec),
)
