"""/resource_providers/{uuid}/inventories (upstream API: since 1.0)."""

from typing import Annotated, Any

import msgspec

from unkai.kernel.errors import MethodNotAllowed
from unkai.kernel.web import Request, Response, Route
from unkai.placement.api.answer import accepts_json, answer, done, location, newest
from unkai.placement.api.body import ClassName, decode_below
from unkai.placement.model import MAX_INT, Inventory, Stock
from unkai.placement.service import inventories

FromOne = Annotated[int, msgspec.Meta(ge=1, le=MAX_INT)]
FromZero = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]
# The largest number that upstream's column of single precision holds.
Ratio = Annotated[float, msgspec.Meta(gt=0, le=3.40282e38)]


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    total: FromOne
    reserved: FromZero = 0
    min_unit: FromOne = 1
    max_unit: FromOne = MAX_INT
    step_size: FromOne = 1
    allocation_ratio: Ratio = 1.0

    def inventory(self) -> Inventory:
        return Inventory(
            total=self.total,
            reserved=self.reserved,
            min_unit=self.min_unit,
            max_unit=self.max_unit,
            step_size=self.step_size,
            allocation_ratio=float(self.allocation_ratio),
        )


class OneInventory(Fields, forbid_unknown_fields=True, kw_only=True):
    resource_provider_generation: int


class NewInventory(Fields, forbid_unknown_fields=True, kw_only=True):
    resource_class: ClassName
    resource_provider_generation: int | None = None


class AllInventories(msgspec.Struct, forbid_unknown_fields=True):
    resource_provider_generation: int
    inventories: dict[ClassName, Fields]


def _render(stock: Stock) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(stock.inventory)
    return found


def _render_all(generation: int, found: dict[str, Stock]) -> dict[str, Any]:
    return {
        "resource_provider_generation": generation,
        "inventories": {name: _render(stock) for name, stock in found.items()},
    }


async def list_inventories(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:list")
    accepts_json(req)
    provider, found = await req.kit.db.read(inventories.listing, req.params["uuid"])
    modified = newest(stock.updated_at for stock in found.values())
    return answer(req, _render_all(provider.generation, found), modified=modified)


async def replace_inventories(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:update")
    body = await decode_below(req, AllInventories)
    uuid = req.params["uuid"]
    wanted = {name: fields.inventory() for name, fields in body.inventories.items()}
    inventories.check(uuid, wanted, may_reserve_all=req.at_least(26))
    provider, found = await req.kit.db.run(inventories.replace, uuid, wanted, body.resource_provider_generation)
    return answer(req, _render_all(provider.generation, found), modified=newest(x.updated_at for x in found.values()))


async def create_inventory(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:create")
    body = await decode_below(req, NewInventory)
    uuid, name = req.params["uuid"], body.resource_class
    inventories.check(uuid, {name: body.inventory()}, may_reserve_all=req.at_least(26), verb="create")
    provider, stock = await req.kit.db.run(
        inventories.add, uuid, name, body.inventory(), body.resource_provider_generation
    )
    where = location(req, f"/resource_providers/{uuid}/inventories/{name}")
    content = {**_render(stock), "resource_provider_generation": provider.generation}
    return answer(req, content, 201, stock.updated_at, Location=where)


async def delete_inventories(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:delete")
    if not req.at_least(5):
        raise MethodNotAllowed(method=req.method, headers={"Allow": "GET, POST, PUT"})
    await req.kit.db.run(inventories.remove_all, req.params["uuid"])
    return done()


async def show_inventory(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:show")
    accepts_json(req)
    provider, stock = await req.kit.db.read(inventories.one, req.params["uuid"], req.params["resource_class"])
    content = {**_render(stock), "resource_provider_generation": provider.generation}
    return answer(req, content, modified=stock.updated_at)


async def update_inventory(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:update")
    body = await decode_below(req, OneInventory)
    uuid, name = req.params["uuid"], req.params["resource_class"]
    inventories.check(uuid, {name: body.inventory()}, may_reserve_all=req.at_least(26))
    provider, stock = await req.kit.db.run(
        inventories.update, uuid, name, body.inventory(), body.resource_provider_generation
    )
    content = {**_render(stock), "resource_provider_generation": provider.generation}
    return answer(req, content, modified=stock.updated_at)


async def delete_inventory(req: Request) -> Response:
    req.authorize("placement:resource_providers:inventories:delete")
    await req.kit.db.run(inventories.remove, req.params["uuid"], req.params["resource_class"])
    return done()


_PATH = "/resource_providers/{uuid}/inventories"
ROUTES = (
    Route("GET", _PATH, list_inventories),
    Route("PUT", _PATH, replace_inventories),
    Route("POST", _PATH, create_inventory),
    Route("DELETE", _PATH, delete_inventories),
    Route("GET", _PATH + "/{resource_class}", show_inventory),
    Route("PUT", _PATH + "/{resource_class}", update_inventory),
    Route("DELETE", _PATH + "/{resource_class}", delete_inventory),
)
