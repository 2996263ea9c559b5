"""Metadata of servers (upstream API reference: Server metadata)."""

from typing import Annotated

from msgspec import Meta

from unkai.compute.api.body import Body, decode
from unkai.compute.api.kinds import Metadata
from unkai.compute.api.routes import Endpoint, delete, get, post, put
from unkai.compute.api.server_parts import server_of
from unkai.compute.service import update
from unkai.kernel.errors import BadRequest
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "server-metadata:"


class AllMetadata(Body):
    metadata: Metadata


class OneItem(Body):
    meta: Annotated[Metadata, Meta(min_length=1, max_length=1)]


async def index(request: Request) -> Response:
    server = await server_of(request, _RULE + "index")
    return reply({"metadata": server.metadata})


async def show(request: Request) -> Response:
    server = await server_of(request, _RULE + "show")
    key = request.params["key"]
    return reply({"meta": {key: update.metadata_item(server, key)}})


async def create(request: Request) -> Response:
    return await _set_all(request, "create", replace=False)


async def update_all(request: Request) -> Response:
    return await _set_all(request, "update_all", replace=True)


async def _set_all(request: Request, verb: str, *, replace: bool) -> Response:
    body = await decode(request, AllMetadata)
    server = await server_of(request, _RULE + verb)
    found = await request.kit.db.run(
        update.set_metadata, request.kit, request.context, server.id, body.metadata, replace=replace
    )
    return reply({"metadata": found})


async def set_item(request: Request) -> Response:
    body = await decode(request, OneItem)
    server = await server_of(request, _RULE + "update")
    key = request.params["key"]
    if key not in body.meta:
        raise BadRequest(reason="Request body and URI mismatch")
    await request.kit.db.run(update.set_metadata, request.kit, request.context, server.id, body.meta, replace=False)
    return reply({"meta": body.meta})


async def remove(request: Request) -> Response:
    server = await server_of(request, _RULE + "delete")
    await request.kit.db.run(update.delete_metadata, request.context, server.id, request.params["key"])
    return empty(204)


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers/{server_id}/metadata", index),
    post("/servers/{server_id}/metadata", create),
    put("/servers/{server_id}/metadata", update_all),
    get("/servers/{server_id}/metadata/{key}", show),
    put("/servers/{server_id}/metadata/{key}", set_item),
    delete("/servers/{server_id}/metadata/{key}", remove),
)
