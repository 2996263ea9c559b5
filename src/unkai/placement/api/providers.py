"""/resource_providers (upstream API: since 1.0; parents since 1.14)."""

import uuid
from typing import Annotated, Any

import msgspec

from unkai.kernel.web import Request, Response, Route
from unkai.placement.api import filters
from unkai.placement.api.answer import accepts_json, answer, done, link, location, newest
from unkai.placement.api.body import Uuid, decode
from unkai.placement.api.query import Form, Param
from unkai.placement.model import Provider
from unkai.placement.service import providers
from unkai.placement.store.providers import Filter

ProviderName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewProvider(msgspec.Struct, forbid_unknown_fields=True):
    name: ProviderName
    uuid: Uuid | msgspec.UnsetType = msgspec.UNSET


class NewProvider14(NewProvider, forbid_unknown_fields=True):
    parent_provider_uuid: Uuid | None = None


class ChangedProvider(msgspec.Struct, forbid_unknown_fields=True):
    name: ProviderName


class ChangedProvider14(ChangedProvider, forbid_unknown_fields=True):
    parent_provider_uuid: Uuid | msgspec.UnsetType | None = msgspec.UNSET


_LINKS = (("inventories", 0), ("usages", 0), ("aggregates", 1), ("traits", 6), ("allocations", 11))


def _render(req: Request, one: Provider) -> dict[str, Any]:
    path = f"/resource_providers/{one.uuid}"
    links = [{"rel": "self", "href": link(path)}]
    links += [{"rel": rel, "href": link(f"{path}/{rel}")} for rel, minor in _LINKS if req.at_least(minor)]
    found: dict[str, Any] = {"uuid": one.uuid, "name": one.name, "generation": one.generation, "links": links}
    if req.at_least(14):
        found["parent_provider_uuid"] = one.parent_uuid
        found["root_provider_uuid"] = one.root_uuid
    return found


def _form(minor: int) -> Form:
    params = {"name": Param(), "uuid": Param(uuid=True)}
    if minor >= 3:
        params["member_of"] = Param()
    if minor >= 4:
        params["resources"] = Param()
    if minor >= 14:
        params["in_tree"] = Param(uuid=True)
    if minor >= 18:
        params["required"] = Param()
    return Form(params)


async def list_providers(req: Request) -> Response:
    """Query: name, uuid; member_of (1.3), resources (1.4), in_tree (1.14), required (1.18)."""
    req.authorize("placement:resource_providers:list")
    accepts_json(req)
    minor = req.version.minor
    query = _form(minor).check(req)
    member_of, not_member_of = filters.aggregates(req.query.all("member_of"), minor)
    required, forbidden = filters.traits(req.query.all("required"), minor)
    wanted = Filter(
        name=query.get("name"),
        uuid=_canonical(query["uuid"]) if "uuid" in query else None,
        tree=_canonical(query["in_tree"]) if "in_tree" in query else None,
        member_of=member_of,
        not_member_of=not_member_of,
        required=required,
        forbidden=forbidden,
        resources=filters.resources(query["resources"]) if "resources" in query else {},
    )
    found = await req.kit.db.read(providers.listing, wanted)
    content = {"resource_providers": [_render(req, one) for one in found]}
    return answer(req, content, modified=newest(one.updated_at for one in found))


def _canonical(text: str) -> str:
    return str(uuid.UUID(text))


async def create_provider(req: Request) -> Response:
    req.authorize("placement:resource_providers:create")
    kind = NewProvider14 if req.at_least(14) else NewProvider
    body = await decode(req, kind)
    given = None if body.uuid is msgspec.UNSET else _canonical(body.uuid)
    parent = getattr(body, "parent_provider_uuid", None)
    if parent is not None:
        parent = _canonical(parent)
    made = await req.kit.db.run(providers.create, body.name, given, parent)
    where = location(req, f"/resource_providers/{made.uuid}")
    if req.at_least(20):
        return answer(req, _render(req, made), modified=made.updated_at, Location=where)
    return done(201, Location=where)


async def show_provider(req: Request) -> Response:
    req.authorize("placement:resource_providers:show")
    accepts_json(req)
    found = await req.kit.db.read(providers.get, req.params["uuid"])
    return answer(req, _render(req, found), modified=found.updated_at)


async def update_provider(req: Request) -> Response:
    req.authorize("placement:resource_providers:update")
    kind = ChangedProvider14 if req.at_least(14) else ChangedProvider
    body = await decode(req, kind)
    parent = getattr(body, "parent_provider_uuid", msgspec.UNSET)
    if isinstance(parent, str):
        parent = _canonical(parent)
    may_move = req.at_least(37)
    changed = await req.kit.db.run(providers.update, req.params["uuid"], body.name, parent, may_move=may_move)
    return answer(req, _render(req, changed), modified=changed.updated_at)


async def delete_provider(req: Request) -> Response:
    req.authorize("placement:resource_providers:delete")
    await req.kit.db.run(providers.delete, req.params["uuid"])
    return done()


ROUTES = (
    Route("GET", "/resource_providers", list_providers),
    Route("POST", "/resource_providers", create_provider),
    Route("GET", "/resource_providers/{uuid}", show_provider),
    Route("PUT", "/resource_providers/{uuid}", update_provider),
    Route("DELETE", "/resource_providers/{uuid}", delete_provider),
)
