"""/resource_providers/{uuid}/aggregates (upstream API: since 1.1, with generations since 1.19)."""

from typing import Annotated, Any

import msgspec

from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer
from unkai.placement.api.body import Uuid, decode_below, unique
from unkai.placement.model import Provider
from unkai.placement.service import providers
from unkai.placement.versions import since

Aggregates = Annotated[list[Uuid], msgspec.Meta(extra_json_schema={"uniqueItems": True})]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    aggregates: Aggregates
    resource_provider_generation: int


def _render(req: Request, provider: Provider, found: list[str]) -> dict[str, Any]:
    content: dict[str, Any] = {"aggregates": found}
    if req.at_least(19):
        content["resource_provider_generation"] = provider.generation
    return content


def _both(tx: Tx, uuid: str) -> tuple[Provider, list[str]]:
    provider = providers.get(tx, uuid)
    return provider, providers.aggregates_by_providers(tx, [uuid]).get(uuid, [])


async def list_aggregates(req: Request) -> Response:
    req.authorize("placement:resource_providers:aggregates:list")
    accepts_json(req)
    provider, found = await req.kit.db.read(_both, req.params["uuid"])
    return answer(req, _render(req, provider, found))


async def replace_aggregates(req: Request) -> Response:
    req.authorize("placement:resource_providers:aggregates:update")
    generation: int | None = None
    if req.at_least(19):
        body = await decode_below(req, Body)
        names, generation = body.aggregates, body.resource_provider_generation
    else:
        names = await decode_below(req, Aggregates)
    unique(names)
    provider = await req.kit.db.run(providers.replace_aggregates, req.params["uuid"], names, generation)
    return answer(req, _render(req, provider, names))


ROUTES = (
    Route("GET", "/resource_providers/{uuid}/aggregates", list_aggregates, since=since(1)),
    Route("PUT", "/resource_providers/{uuid}/aggregates", replace_aggregates, since=since(1)),
)
