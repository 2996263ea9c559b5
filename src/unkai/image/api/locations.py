"""Where images' data lies: the locations API of services, and removal of data from one of several stores."""

from unkai.image import service
from unkai.image.api.body import no_body, read_json
from unkai.image.errors import InvalidChange
from unkai.kernel.web import Request, Response, Route, empty, reply


async def list_locations(req: Request) -> Response:
    """List where an image's data lies, for other services."""
    no_body(req)
    found = await req.kit.db.read(service.list_locations, req.kit, req.context, req.params["image_id"])
    return reply([{"url": place.url, "metadata": {"store": place.store}} for place in found])


async def add_location(req: Request) -> Response:
    """Give a queued image its data by a URL. Refused, with the reason: no store here takes URLs."""
    body = await read_json(req)
    if not isinstance(body, dict) or not isinstance(body.get("url"), str):
        raise InvalidChange(reason="Provided object does not match schema 'location': 'url' is a required property")
    image_id = req.params["image_id"]
    raise await req.kit.db.read(service.location_refusal, req.kit, req.context, image_id, body["url"])


async def delete_from_store(req: Request) -> Response:
    """Remove an image's data from one of its stores."""
    no_body(req)
    store_id, image_id = req.params["store_id"], req.params["image_id"]
    blobs = await req.kit.db.run(service.delete_from_store, req.kit, req.context, store_id, image_id)
    await service.remove_blobs(req.kit, blobs)
    return empty()


ROUTES = (
    Route("GET", "/v2/images/{image_id}/locations", list_locations),
    Route("POST", "/v2/images/{image_id}/locations", add_location),
    Route("DELETE", "/v2/stores/{store_id}/{image_id}", delete_from_store),
)
