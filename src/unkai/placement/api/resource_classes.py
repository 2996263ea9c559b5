"""/resource_classes (upstream API: since 1.2)."""

from typing import Any

import msgspec

from unkai.kernel.web import Request, Response, Route, reply
from unkai.placement.api.answer import accepts_json, answer, done, link, location, newest
from unkai.placement.api.body import CustomName, check, decode
from unkai.placement.service import names
from unkai.placement.versions import since, until


class NewClass(msgspec.Struct, forbid_unknown_fields=True):
    name: CustomName


def _render(name: str) -> dict[str, Any]:
    return {"name": name, "links": [{"rel": "self", "href": link(f"/resource_classes/{name}")}]}


async def list_classes(req: Request) -> Response:
    req.authorize("placement:resource_classes:list")
    accepts_json(req)
    found = await req.kit.db.read(names.classes)
    return answer(
        req, {"resource_classes": [_render(one.name) for one in found]}, modified=newest(x.updated_at for x in found)
    )


async def create_class(req: Request) -> Response:
    req.authorize("placement:resource_classes:create")
    body = await decode(req, NewClass)
    await req.kit.db.run(names.add_class, body.name)
    return done(201, Location=location(req, f"/resource_classes/{body.name}"))


async def show_class(req: Request) -> Response:
    req.authorize("placement:resource_classes:show")
    accepts_json(req)
    found = await req.kit.db.read(names.resource_class, req.params["name"])
    return answer(req, _render(found.name), modified=found.updated_at)


async def rename_class(req: Request) -> Response:
    """Until 1.6: another name for a class of one's own."""
    req.authorize("placement:resource_classes:update")
    body = await decode(req, NewClass)
    await req.kit.db.run(names.rename_class, req.params["name"], body.name)
    return reply(_render(body.name))


async def ensure_class(req: Request) -> Response:
    """Since 1.7: make the class, or see that it exists."""
    req.authorize("placement:resource_classes:update")
    name = req.params["name"]
    check(NewClass, {"name": name})
    made = await req.kit.db.run(names.ensure_class, name)
    return done(201 if made else 204, Location=location(req, f"/resource_classes/{name}"))


async def delete_class(req: Request) -> Response:
    req.authorize("placement:resource_classes:delete")
    await req.kit.db.run(names.remove_class, req.params["name"])
    return done()


ROUTES = (
    Route("GET", "/resource_classes", list_classes, since=since(2)),
    Route("POST", "/resource_classes", create_class, since=since(2)),
    Route("GET", "/resource_classes/{name}", show_class, since=since(2)),
    Route("PUT", "/resource_classes/{name}", rename_class, since=since(2), until=until(6)),
    Route("PUT", "/resource_classes/{name}", ensure_class, since=since(7)),
    Route("DELETE", "/resource_classes/{name}", delete_class, since=since(2)),
)
