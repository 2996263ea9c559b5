"""/resource_providers/{uuid}/traits (upstream API: since 1.6)."""

from typing import Annotated

import msgspec

from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer, done
from unkai.placement.api.body import NAME_PATTERN, decode_below, unique
from unkai.placement.model import Provider
from unkai.placement.service import providers
from unkai.placement.versions import since

TraitName = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, min_length=1, max_length=255)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    traits: Annotated[list[TraitName], msgspec.Meta(extra_json_schema={"uniqueItems": True})]
    resource_provider_generation: int


def _both(tx: Tx, uuid: str) -> tuple[Provider, list[str]]:
    provider = providers.get(tx, uuid)
    return provider, providers.traits_by_providers(tx, [uuid]).get(uuid, [])


async def list_traits(req: Request) -> Response:
    req.authorize("placement:resource_providers:traits:list")
    accepts_json(req)
    provider, found = await req.kit.db.read(_both, req.params["uuid"])
    return answer(req, {"resource_provider_generation": provider.generation, "traits": found})


async def replace_traits(req: Request) -> Response:
    req.authorize("placement:resource_providers:traits:update")
    body = await decode_below(req, Body)
    unique(body.traits)
    provider = await req.kit.db.run(
        providers.replace_traits, req.params["uuid"], body.traits, body.resource_provider_generation
    )
    return answer(req, {"resource_provider_generation": provider.generation, "traits": sorted(body.traits)})


async def delete_traits(req: Request) -> Response:
    req.authorize("placement:resource_providers:traits:delete")
    await req.kit.db.run(providers.remove_traits, req.params["uuid"])
    return done()


ROUTES = (
    Route("GET", "/resource_providers/{uuid}/traits", list_traits, since=since(6)),
    Route("PUT", "/resource_providers/{uuid}/traits", replace_traits, since=since(6)),
    Route("DELETE", "/resource_providers/{uuid}/traits", delete_traits, since=since(6)),
)
