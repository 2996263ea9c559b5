"""/v2/images/{image_id}/members: projects that a shared image is shown to."""

from typing import Any

from unkai.image import service
from unkai.image.api.body import no_body, read_json
from unkai.image.api.views import member_view
from unkai.image.errors import InvalidMember
from unkai.kernel.web import Request, Response, Route, empty, reply


async def list_members(req: Request) -> Response:
    """List the projects that an image is shared with."""
    no_body(req)
    members = await req.kit.db.read(service.list_members, req.kit, req.context, req.params["image_id"])
    return reply({"members": [member_view(member) for member in members], "schema": "/v2/schemas/members"})


async def add_member(req: Request) -> Response:
    """Share an image with a project."""
    member_id = _word(await read_json(req), "member", "Member to be added not specified", "image_id")
    if not member_id:
        raise InvalidMember(reason="Member can't be empty")
    member = await req.kit.db.run(service.add_member, req.kit, req.context, req.params["image_id"], member_id)
    return reply(member_view(member))


async def show_member(req: Request) -> Response:
    """Show whether a project accepted an image."""
    no_body(req)
    image_id, member_id = req.params["image_id"], req.params["member_id"]
    member = await req.kit.db.read(service.get_member, req.kit, req.context, image_id, member_id)
    return reply(member_view(member))


async def answer_member(req: Request) -> Response:
    """Accept or reject a shared image, as the project that it is shared with."""
    status = _word(await read_json(req), "status", "Status not specified", "status")
    image_id, member_id = req.params["image_id"], req.params["member_id"]
    member = await req.kit.db.run(service.answer_member, req.kit, req.context, image_id, member_id, status)
    return reply(member_view(member))


async def remove_member(req: Request) -> Response:
    """Stop sharing an image with a project."""
    no_body(req)
    image_id, member_id = req.params["image_id"], req.params["member_id"]
    await req.kit.db.run(service.remove_member, req.kit, req.context, image_id, member_id)
    return empty()


def _word(body: Any, name: str, missing: str, example: str) -> str:
    if not isinstance(body, dict):
        raise InvalidMember(reason=f'Expected a {name} in the form: {{"{name}": "{example}"}}')
    if name not in body:
        raise InvalidMember(reason=missing)
    value = body[name]
    if not isinstance(value, str) or len(value) > 255 or "\0" in value:
        raise InvalidMember(reason=f"{name} must be a text of at most 255 characters")
    return value


ROUTES = (
    Route("GET", "/v2/images/{image_id}/members", list_members),
    Route("POST", "/v2/images/{image_id}/members", add_member),
    Route("GET", "/v2/images/{image_id}/members/{member_id}", show_member),
    Route("PUT", "/v2/images/{image_id}/members/{member_id}", answer_member),
    Route("DELETE", "/v2/images/{image_id}/members/{member_id}", remove_member),
)
