"""POST /reshaper (upstream API: since 1.30): inventories and the allocations on them move together."""

from typing import Annotated

import msgspec

from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.allocation_bodies import Both28, Both34, Both38, UuidKey, claim
from unkai.placement.api.answer import done
from unkai.placement.api.body import decode
from unkai.placement.api.inventories import AllInventories
from unkai.placement.service import inventories, reshape
from unkai.placement.versions import since

Inventories = Annotated[dict[UuidKey, AllInventories], msgspec.Meta(min_length=1)]


class Body28(msgspec.Struct, forbid_unknown_fields=True):
    inventories: Inventories
    allocations: dict[UuidKey, Both28]


class Body34(msgspec.Struct, forbid_unknown_fields=True):
    inventories: Inventories
    allocations: dict[UuidKey, Both34]


class Body38(msgspec.Struct, forbid_unknown_fields=True):
    inventories: Inventories
    allocations: dict[UuidKey, Both38]


async def post_reshaper(req: Request) -> Response:
    req.authorize("placement:reshaper:reshape")
    kind: type[Body28 | Body34 | Body38] = Body38 if req.at_least(38) else Body34 if req.at_least(34) else Body28
    body = await decode(req, kind)
    shapes = {
        uuid: reshape.Shape(
            generation=one.resource_provider_generation,
            inventories={name: fields.inventory() for name, fields in one.inventories.items()},
        )
        for uuid, one in body.inventories.items()
    }
    for uuid, shape in shapes.items():
        inventories.check(uuid, shape.inventories, may_reserve_all=True)
    claims = [claim(consumer, one, ("", "")) for consumer, one in body.allocations.items()]
    await req.kit.db.run(reshape.reshape, shapes, claims)
    return done()


ROUTES = (Route("POST", "/reshaper", post_reshaper, since=since(30)),)
