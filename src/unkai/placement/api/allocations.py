"""/allocations (upstream API: since 1.0, several consumers at once since 1.13) and a provider's allocations."""

from typing import Any

from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.allocation_bodies import UuidKey, claim, post_kind, put_kind
from unkai.placement.api.answer import accepts_json, answer, done, newest
from unkai.placement.api.body import decode
from unkai.placement.errors import InvalidJson
from unkai.placement.model import Holding
from unkai.placement.service import allocations
from unkai.placement.settings import PlacementOptions
from unkai.placement.versions import since


async def show_allocations(req: Request) -> Response:
    """What a consumer uses; an unknown consumer uses nothing."""
    req.authorize("placement:allocations:list")
    accepts_json(req)
    held = (await req.kit.db.read(allocations.holdings, [req.params["consumer_uuid"]])).get(
        req.params["consumer_uuid"]
    )
    if held is None:
        return answer(req, {"allocations": {}})
    return answer(req, _render(req, held), modified=newest(one.updated_at for one in held.allocations))


def _render(req: Request, held: Holding) -> dict[str, Any]:
    content: dict[str, Any] = {
        "allocations": {
            uuid: {"generation": held.generations[uuid], "resources": amounts}
            for uuid, amounts in held.amounts.items()
        }
    }
    if req.at_least(12):
        content.update(project_id=held.consumer.project_id, user_id=held.consumer.user_id)
    if req.at_least(28):
        content["consumer_generation"] = held.consumer.generation
    if req.at_least(38):
        content["consumer_type"] = held.consumer.type or "unknown"
    return content


async def replace_allocations(req: Request) -> Response:
    """Let one consumer use exactly this."""
    req.authorize("placement:allocations:update")
    consumer = req.params["consumer_uuid"]
    _check_consumer(consumer)
    body = await decode(req, put_kind(req.version.minor))
    await req.kit.db.run(allocations.apply, [claim(consumer, body, _incomplete(req))])
    return done()


def _check_consumer(consumer: str) -> None:
    from unkai.kernel.ids import is_uuid

    if not is_uuid(consumer):
        raise InvalidJson(reason=f"consumer {consumer[:64]!r} is not a 'uuid'")


def _incomplete(req: Request) -> tuple[str, str]:
    options = req.kit.settings[PlacementOptions]
    return options.incomplete_consumer_project_id, options.incomplete_consumer_user_id


async def manage_allocations(req: Request) -> Response:
    """Let several consumers use exactly this, all or none."""
    req.authorize("placement:allocations:manage")
    kind = post_kind(req.version.minor)
    body = await decode(req, dict[UuidKey, kind])  # type: ignore[valid-type]
    if not body:
        raise InvalidJson(reason="{} should be non-empty")
    claims = [claim(consumer, one, _incomplete(req)) for consumer, one in body.items()]
    await req.kit.db.run(allocations.apply, claims)
    return done()


async def delete_allocations(req: Request) -> Response:
    req.authorize("placement:allocations:delete")
    await req.kit.db.run(allocations.release_known, req.params["consumer_uuid"])
    return done()


async def provider_allocations(req: Request) -> Response:
    """Who uses what of a provider."""
    req.authorize("placement:resource_providers:allocations:list")
    accepts_json(req)
    content, modified = await req.kit.db.read(_of_provider, req.params["uuid"], req.at_least(28))
    return answer(req, content, modified=modified)


def _of_provider(tx: Tx, uuid: str, generations: bool) -> tuple[dict[str, Any], Any]:
    provider, found = allocations.on_provider(tx, uuid)
    consumers: dict[str, Any] = {}
    for one, consumer in found:
        entry = consumers.setdefault(consumer.uuid, {"resources": {}})
        entry["resources"][one.resource_class] = one.used
        if generations:
            entry["consumer_generation"] = consumer.generation
    content = {"resource_provider_generation": provider.generation, "allocations": consumers}
    return content, newest(one.updated_at for one, _ in found)


ROUTES = (
    Route("POST", "/allocations", manage_allocations, since=since(13)),
    Route("GET", "/allocations/{consumer_uuid}", show_allocations),
    Route("PUT", "/allocations/{consumer_uuid}", replace_allocations),
    Route("DELETE", "/allocations/{consumer_uuid}", delete_allocations),
    Route("GET", "/resource_providers/{uuid}/allocations", provider_allocations),
)
