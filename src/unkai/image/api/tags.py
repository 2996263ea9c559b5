"""/v2/images/{image_id}/tags/{tag}."""

from unkai.image import fields, service
from unkai.kernel.web import Request, Response, Route, empty


async def add_tag(req: Request) -> Response:
    """Tag an image."""
    (tag,) = fields.checked(req.kit.settings, {"tags": [req.params["tag"]]})["tags"]
    await req.kit.db.run(service.add_tag, req.kit, req.context, req.params["image_id"], tag)
    return empty()


async def remove_tag(req: Request) -> Response:
    """Take a tag from an image."""
    await req.kit.db.run(service.remove_tag, req.kit, req.context, req.params["image_id"], req.params["tag"])
    return empty()


ROUTES = (
    Route("PUT", "/v2/images/{image_id}/tags/{tag}", add_tag),
    Route("DELETE", "/v2/images/{image_id}/tags/{tag}", remove_tag),
)
