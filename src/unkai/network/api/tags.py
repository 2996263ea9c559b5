"""Tags of resources (standard-attr-tag, tag-creation)."""

from functools import partial
from typing import Any

from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, empty, reply
from unkai.network.api import attributes
from unkai.network.api.resource import Resource, load
from unkai.network.errors import HTTPBadRequest, TagNotFound
from unkai.network.store import common

_MOST = 50


def routes(resource: Resource) -> tuple[Route, ...]:
    every = f"{resource.path}/{{id}}/tags"
    one = f"{every}/{{tag}}"
    return (
        Route("GET", every, partial(_list, resource)),
        Route("PUT", every, partial(_replace, resource)),
        Route("POST", every, partial(_add_some, resource)),
        Route("DELETE", every, partial(_clear, resource)),
        Route("GET", one, partial(_check, resource)),
        Route("PUT", one, partial(_add, resource)),
        Route("DELETE", one, partial(_remove, resource)),
    )


def _item(tx: Tx, resource: Resource, request: Request, verb: str) -> Any:
    plural = resource.name if resource.name.endswith("s") else f"{resource.name}s"
    rule = f"{verb}_{plural}_tags"
    return load(resource, tx, request.kit, request.context, request.params["id"], rule)


async def _list(resource: Resource, request: Request) -> Response:
    """The tags of a resource."""
    item = await request.kit.db.read(_item, resource, request, "get")
    return reply({"tags": item.tags})


async def _check(resource: Resource, request: Request) -> Response:
    """Whether a resource has a tag."""
    item = await request.kit.db.read(_item, resource, request, "get")
    if request.params["tag"] not in item.tags:
        raise TagNotFound(tag=request.params["tag"])
    return empty(204)


async def _replace(resource: Resource, request: Request) -> Response:
    """Replace all tags of a resource."""
    tags = await _tags(request)

    def work(tx: Tx) -> None:
        item = _item(tx, resource, request, "update")
        common.set_tags(tx, item.id, tags)

    await request.kit.db.run(work)
    return reply({"tags": sorted(set(tags))})


async def _add_some(resource: Resource, request: Request) -> Response:
    """Add several tags to a resource."""
    tags = await _tags(request)

    def work(tx: Tx) -> list[str]:
        item = _item(tx, resource, request, "create")
        every = sorted({*item.tags, *tags})
        _not_too_many(every)
        common.set_tags(tx, item.id, every)
        return every

    return reply({"tags": await request.kit.db.run(work)})


async def _add(resource: Resource, request: Request) -> Response:
    """Add a tag to a resource."""
    tag = _tag(request.params["tag"])

    def work(tx: Tx) -> None:
        item = _item(tx, resource, request, "create")
        _not_too_many([*item.tags, tag])
        common.add_tag(tx, item.id, tag)

    await request.kit.db.run(work)
    return reply({}, 201)


async def _clear(resource: Resource, request: Request) -> Response:
    """Remove all tags of a resource."""

    def work(tx: Tx) -> None:
        common.set_tags(tx, _item(tx, resource, request, "delete").id, [])

    await request.kit.db.run(work)
    return empty(204)


async def _remove(resource: Resource, request: Request) -> Response:
    """Remove a tag of a resource."""
    tag = request.params["tag"]

    def work(tx: Tx) -> None:
        item = _item(tx, resource, request, "delete")
        if not common.remove_tag(tx, item.id, tag):
            raise TagNotFound(tag=tag)

    await request.kit.db.run(work)
    return empty(204)


async def _tags(request: Request) -> list[str]:
    body = await request.json()
    if not isinstance(body, dict) or "tags" not in body:
        raise HTTPBadRequest(reason="Invalid tags body.")
    try:
        found: list[str] = attributes.tags(body["tags"])
    except ValueError as error:
        raise HTTPBadRequest(reason=f"Invalid input for tags. Reason: {error}.") from None
    _not_too_many(found)
    return found


def _tag(text: str) -> str:
    try:
        return attributes.tag(text)
    except ValueError as error:
        raise HTTPBadRequest(reason=f"Invalid input for tag. Reason: {error}.") from None


def _not_too_many(tags: list[str]) -> None:
    if len(set(tags)) > _MOST:
        raise HTTPBadRequest(reason=f"A resource has at most {_MOST} tags")


__all__ = ["routes"]
