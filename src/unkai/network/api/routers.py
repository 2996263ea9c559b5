"""/routers"""

from typing import Any

import msgspec

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, Route, reply
from unkai.network.api import tags
from unkai.network.api.attributes import READ_ONLY, STANDARD, Attribute, boolean, object_of, or_none, uuid
from unkai.network.api.networks import kinds
from unkai.network.api.ports import FIXED_IPS
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, load, plain_struct, routes, view
from unkai.network.api.subnets import HOST_ROUTES
from unkai.network.errors import HTTPBadRequest
from unkai.network.model import HostRoute, Router
from unkai.network.service import routers as service
from unkai.network.store import routers as store

_GATEWAY = object_of(
    "external_gateway_info",
    {"network_id": uuid, "enable_snat": boolean, "external_fixed_ips": FIXED_IPS},
)


def _gateway(value: Any) -> dict[str, Any] | None:
    """None and {} take the gateway away."""
    if not value:
        return None
    found: dict[str, Any] = _GATEWAY(value)
    if "network_id" not in found:
        raise ValueError(f"'{value}' must name the network_id")
    return found


_ATTRIBUTES = {
    **STANDARD,
    "admin_state_up": Attribute(boolean, default=True),
    "status": READ_ONLY,
    "external_gateway_info": Attribute(_gateway),
    "routes": Attribute(HOST_ROUTES, post=False),
    "availability_zone_hints": READ_ONLY,
    "availability_zones": READ_ONLY,
    "flavor_id": READ_ONLY,
}


def plain(router: Router) -> dict[str, Any]:
    found = plain_struct(router)
    del found["gateway_port_id"]
    del found["enable_snat"]
    return found | {"availability_zone_hints": [], "availability_zones": [], "flavor_id": None}


def _create(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


ROUTER = Resource(
    name="router",
    plural="routers",
    attributes=_ATTRIBUTES,
    filterable=Filterable(kinds(store.COLUMNS, ("admin_state_up",), ("revision_number",))),
    plain=plain,
    find=store.routers,
    get=store.get,
    new=service.NewRouter,
    create=_create,
    change=service.RouterChange,
    update=service.update,
    delete=service.delete,
)


async def _add_interface(request: Request) -> Response:
    """Connect a router to a subnet."""
    subnet_id, port_id = await _interface(request)

    def work(tx: Tx) -> service.RouterInterface:
        router = load(ROUTER, tx, request.kit, request.context, request.params["id"], "add_router_interface")
        return service.add_interface(tx, request.kit, request.context, router, subnet_id, port_id)

    return _answer(await request.kit.db.run(work))


async def _remove_interface(request: Request) -> Response:
    """Disconnect a router from a subnet."""
    subnet_id, port_id = await _interface(request)

    def work(tx: Tx) -> service.RouterInterface:
        router = load(ROUTER, tx, request.kit, request.context, request.params["id"], "remove_router_interface")
        return service.remove_interface(tx, request.kit, request.context, router, subnet_id, port_id)

    return _answer(await request.kit.db.run(work))


def _answer(made: service.RouterInterface) -> Response:
    return reply(msgspec.to_builtins(made) | {"tenant_id": made.project_id})


async def _interface(request: Request) -> tuple[str | None, str | None]:
    body = await request.json()
    if not isinstance(body, dict):
        raise HTTPBadRequest(reason="Bad router request: Either subnet_id or port_id must be specified.")
    found = []
    for name in "subnet_id", "port_id":
        try:
            found.append(or_none(uuid)(body.get(name)))
        except ValueError as error:
            raise HTTPBadRequest(reason=f"Invalid input for {name}. Reason: {error}.") from None
    return found[0], found[1]


async def _add_routes(request: Request) -> Response:
    """Add some extra routes."""
    wanted = await _routes(request)
    return await _change_routes(request, "add_extraroutes", add=wanted)


async def _remove_routes(request: Request) -> Response:
    """Remove some extra routes."""
    wanted = await _routes(request)
    return await _change_routes(request, "remove_extraroutes", remove=wanted)


async def _change_routes(request: Request, rule: str, **changes: list[HostRoute]) -> Response:
    def work(tx: Tx) -> Router:
        router = load(ROUTER, tx, request.kit, request.context, request.params["id"], rule)
        return service.change_routes(tx, request.kit, request.context, router, **changes)

    router = await request.kit.db.run(work)
    return reply({"router": view(ROUTER, request.kit, request.context, router)})


async def _routes(request: Request) -> list[HostRoute]:
    body = await request.json()
    router = body.get("router") if isinstance(body, dict) else None
    try:
        given = HOST_ROUTES(router.get("routes") if isinstance(router, dict) else "nothing")
    except ValueError as error:
        raise HTTPBadRequest(reason=f"Invalid input for routes. Reason: {error}.") from None
    return msgspec.convert(given, list[HostRoute])


_ONE = f"{ROUTER.path}/{{id}}"

ROUTES = (
    *routes(ROUTER),
    *tags.routes(ROUTER),
    Route("PUT", f"{_ONE}/add_router_interface", _add_interface),
    Route("PUT", f"{_ONE}/remove_router_interface", _remove_interface),
    Route("PUT", f"{_ONE}/add_extraroutes", _add_routes),
    Route("PUT", f"{_ONE}/remove_extraroutes", _remove_routes),
)
