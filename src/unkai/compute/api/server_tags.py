"""Tags of servers, from 2.26 on (upstream API reference: Server tags)."""

from typing import Annotated

from msgspec import Meta

from unkai.compute.api.body import Body, decode
from unkai.compute.api.kinds import Tag
from unkai.compute.api.links import links
from unkai.compute.api.routes import Endpoint, delete, get, put
from unkai.compute.api.server_parts import server_of
from unkai.compute.errors import TagNotFound
from unkai.compute.service import update
from unkai.kernel.errors import BadRequest
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "os-server-tags:"
_MAX = 60


class Tags(Body):
    tags: Annotated[list[Tag], Meta(max_length=update.MAX_TAGS)]


async def index(request: Request) -> Response:
    server = await server_of(request, _RULE + "index")
    return reply({"tags": list(server.tags)})


async def show(request: Request) -> Response:
    server = await server_of(request, _RULE + "show")
    if request.params["tag"] not in server.tags:
        raise TagNotFound(server=server.id, tag=request.params["tag"][:64])
    return empty(204)


async def add(request: Request) -> Response:
    server = await server_of(request, _RULE + "update")
    tag = request.params["tag"]
    if not tag or len(tag) > _MAX or "/" in tag or "," in tag:
        raise BadRequest(
            reason=f"Tag '{tag[:64]}' is invalid. It must be a non empty string without characters '/' and ','. "
            f"It may have {_MAX} characters at most."
        )
    if not await request.kit.db.run(update.add_tag, request.context, server.id, tag):
        return empty(204)
    return empty(201, Location=links(request, "servers", f"{server.id}/tags/{tag}")[0]["href"])


async def replace(request: Request) -> Response:
    body = await decode(request, Tags)
    server = await server_of(request, _RULE + "update_all")
    tags = await request.kit.db.run(update.set_tags, request.context, server.id, body.tags)
    return reply({"tags": tags})


async def remove(request: Request) -> Response:
    server = await server_of(request, _RULE + "delete")
    await request.kit.db.run(update.remove_tag, request.context, server.id, request.params["tag"])
    return empty(204)


async def clear(request: Request) -> Response:
    server = await server_of(request, _RULE + "delete_all")
    await request.kit.db.run(update.clear_tags, request.context, server.id)
    return empty(204)


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers/{server_id}/tags", index, since=26),
    put("/servers/{server_id}/tags", replace, since=26),
    delete("/servers/{server_id}/tags", clear, since=26),
    get("/servers/{server_id}/tags/{tag}", show, since=26),
    put("/servers/{server_id}/tags/{tag}", add, since=26),
    delete("/servers/{server_id}/tags/{tag}", remove, since=26),
)
