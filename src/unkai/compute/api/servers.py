"""Servers: create, list, show, change, delete (upstream API reference: Servers)."""

from typing import Any

from msgspec import UNSET, UnsetType

from unkai.compute.api import create_request, query, server_filters
from unkai.compute.api.body import decode, given
from unkai.compute.api.kinds import truth
from unkai.compute.api.links import links, next_page
from unkai.compute.api.routes import Endpoint, delete, get, post, put
from unkai.compute.api.server_bodies import CreateServer, UpdateServer
from unkai.compute.api.server_view import brief, detail, sight, updated
from unkai.compute.server import Server
from unkai.compute.service import create as create_service
from unkai.compute.service import listing, removal, update
from unkai.compute.service.requests import Changes
from unkai.compute.service.servers import get_server
from unkai.compute.settings import ApiOptions
from unkai.kernel.web import Request, Response, empty, reply

_RULE = "os_compute_api:servers:"


def target(server: Server) -> dict[str, Any]:
    """Whose server it is, for policies."""
    return {"project_id": server.project_id, "user_id": server.user_id}


async def index(request: Request) -> Response:
    request.authorize(_RULE + "index")
    return await _list(request, detailed=False)


async def index_detail(request: Request) -> Response:
    request.authorize(_RULE + "detail")
    return await _list(request, detailed=True)


async def _list(request: Request, *, detailed: bool) -> Response:
    wanted = server_filters.read(request, detailed=detailed)
    if wanted.nothing:
        return reply({"servers": []})
    found = await request.kit.db.read(
        listing.list_servers,
        request.kit,
        wanted.scope,
        wanted.filters,
        wanted.page,
        wanted.addresses,
        detailed=detailed,
    )
    query.require_marker(found, wanted.page.marker)
    servers, facts = found or ([], listing.Facts({}, {}))
    if detailed:
        seen = sight(request)
        views = [detail(request, server, facts, seen, in_list=True) for server in servers]
    else:
        views = [brief(request, server) for server in servers]
    answer: dict[str, Any] = {"servers": views}
    collection = "servers/detail" if detailed else "servers"
    following = next_page(request, collection, [server.id for server in servers], wanted.page.limit or 0)
    if following:
        answer["servers_links"] = following
    return reply(answer)


async def show(request: Request) -> Response:
    server, facts = await request.kit.db.read(
        listing.show_server, request.kit, request.context, request.params["server_id"]
    )
    request.authorize(_RULE + "show", target(server))
    return reply({"server": detail(request, server, facts, sight(request, server.project_id))})


async def create(request: Request) -> Response:
    body = await decode(request, CreateServer)
    wanted = create_request.read(request, body)
    made = await request.kit.db.run(create_service.create_servers, request.kit, request.context, wanted)
    if truth(body.server.return_reservation_id):
        return reply({"reservation_id": made.reservation_id}, 202)
    server = made.servers[0]
    named = body.server.security_groups
    groups = [{"name": "default"}] if isinstance(named, UnsetType) else [{"name": one.name} for one in named]
    view: dict[str, Any] = {
        "id": server.id,
        "links": links(request, "servers", server.id),
        "OS-DCF:diskConfig": "AUTO" if server.auto_disk_config else "MANUAL",
        "security_groups": [group for group in groups if group["name"] is not UNSET],
    }
    if request.kit.settings[ApiOptions].enable_instance_password:
        view["adminPass"] = wanted.admin_password
    return reply({"server": view}, 202, Location=view["links"][0]["href"])


async def change(request: Request) -> Response:
    server = await request.kit.db.read(get_server, request.context, request.params["server_id"])
    request.authorize(_RULE + "update", target(server))
    values = dict(given((await decode(request, UpdateServer)).server))
    for name in ("access_ip_v4", "access_ip_v6"):
        if name in values:
            values[name] = create_request.canonical(values[name])
    if "hostname" in values:
        create_request.checked_hostname(request, values["hostname"])
    if "pinned_availability_zone" in values:
        values["pinned_zone"] = values.pop("pinned_availability_zone")
    changes = Changes(**values)
    await request.kit.db.run(update.update_server, request.kit, request.context, server.id, changes)
    changed, facts = await request.kit.db.read(listing.show_server, request.kit, request.context, server.id)
    return reply({"server": updated(request, changed, facts, sight(request, server.project_id))})


async def remove(request: Request) -> Response:
    server = await request.kit.db.read(get_server, request.context, request.params["server_id"])
    request.authorize(_RULE + "delete", target(server))
    await request.kit.db.run(removal.delete_server, request.context, server.id)
    return empty(204)


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/servers", index, server_filters.NAMES),
    post("/servers", create),
    get("/servers/detail", index_detail, server_filters.NAMES),
    get("/servers/{server_id}", show),
    put("/servers/{server_id}", change),
    delete("/servers/{server_id}", remove),
)
