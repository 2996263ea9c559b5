"""/v2/images: register, list, show, change, delete, deactivate, reactivate."""

from urllib.parse import urlencode

import msgspec

from unkai.image import changes, fields, filters, service
from unkai.image.api.body import no_body, read_json
from unkai.image.api.views import image_view
from unkai.image.errors import PatchType
from unkai.image.settings import ImageOptions
from unkai.kernel.web import Request, Response, Route, empty, reply


async def create_image(req: Request) -> Response:
    """Register an image; its data is uploaded after."""
    base, properties = fields.read_new(req.kit.settings, await read_json(req))
    draft = msgspec.convert({**base, "properties": properties}, service.Draft)
    image = await req.kit.db.run(service.create_image, req.kit, req.context, draft)
    return reply(image_view(image), 201, Location=f"{req.base_url}/v2/images/{image.id}")


async def list_images(req: Request) -> Response:
    """List images by filters, order and page."""
    options = req.kit.settings[ImageOptions]
    wanted = filters.read_filter(req.query.pairs)
    page = filters.read_page(req.query.pairs, options.limit_param_default, options.api_limit_max)
    found = await req.kit.db.read(service.list_images, req.kit, req.context, wanted, page)
    rest = [pair for pair in req.query.pairs if pair[0] != "marker"]
    body = {
        "images": [image_view(image) for image in found.images],
        "first": _link(rest),
        "schema": "/v2/schemas/images",
    }
    if found.next_marker is not None:
        body["next"] = _link([*rest, ("marker", found.next_marker)])
    return reply(body)


def _link(pairs: list[tuple[str, str]]) -> str:
    return f"/v2/images?{urlencode(pairs)}" if pairs else "/v2/images"


async def show_image(req: Request) -> Response:
    """Show an image."""
    no_body(req)
    image = await req.kit.db.read(service.show_image, req.kit, req.context, req.params["image_id"])
    return reply(image_view(image))


async def update_image(req: Request) -> Response:
    """Change attributes and properties by a JSON patch."""
    sent = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    draft = changes.MEDIA_TYPES.get(sent)
    if draft is None:
        allowed = ", ".join(sorted(changes.MEDIA_TYPES))
        raise PatchType(content_type=sent[:128], allowed=allowed, headers={"Accept-Patch": allowed})
    wanted = changes.read_changes(req.kit.settings, await read_json(req), draft)
    image = await req.kit.db.run(service.update_image, req.kit, req.context, req.params["image_id"], wanted)
    return reply(image_view(image))


async def delete_image(req: Request) -> Response:
    """Delete an image and its data."""
    no_body(req)
    blobs = await req.kit.db.run(service.delete_image, req.kit, req.context, req.params["image_id"])
    await service.remove_blobs(req.kit, blobs)
    return empty()


async def deactivate_image(req: Request) -> Response:
    """Keep an image's data from being downloaded."""
    no_body(req)
    await req.kit.db.run(service.deactivate_image, req.kit, req.context, req.params["image_id"])
    return empty()


async def reactivate_image(req: Request) -> Response:
    """Let an image's data be downloaded again."""
    no_body(req)
    await req.kit.db.run(service.reactivate_image, req.kit, req.context, req.params["image_id"])
    return empty()


async def list_image_tasks(req: Request) -> Response:
    """List the tasks that work, or worked, on an image."""
    await req.kit.db.read(service.show_image, req.kit, req.context, req.params["image_id"])
    return reply({"tasks": []})  # tasks are of the import, which is not offered yet


ROUTES = (
    Route("GET", "/v2/images", list_images),
    Route("POST", "/v2/images", create_image),
    Route("GET", "/v2/images/{image_id}", show_image),
    Route("PATCH", "/v2/images/{image_id}", update_image),
    Route("DELETE", "/v2/images/{image_id}", delete_image),
    Route("POST", "/v2/images/{image_id}/actions/deactivate", deactivate_image),
    Route("POST", "/v2/images/{image_id}/actions/reactivate", reactivate_image),
    Route("GET", "/v2/images/{image_id}/tasks", list_image_tasks),
)
