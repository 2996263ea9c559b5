"""Hypervisors (upstream API reference: Hypervisors; USE-004, USE-005)."""

import asyncio
from typing import Any

import msgspec

from unkai.compute.api import query
from unkai.compute.api.links import next_page
from unkai.compute.api.routes import Endpoint, get
from unkai.compute.errors import HostSilent, HypervisorNotFound, NoSuchHypervisors
from unkai.compute.server import domain_name
from unkai.compute.service import hosts as service
from unkai.compute.service.hosts import Hypervisor
from unkai.compute.settings import ComputeOptions
from unkai.contracts.steps import Uptime
from unkai.kernel.errors import ApiError, BadRequest
from unkai.kernel.ids import is_uuid
from unkai.kernel.web import Request, Response, reply
from unkai.nodes import service as nodes

_RULE = "os_compute_api:os-hypervisors:"
_UPTIME_SECONDS = 5.0


def _id(request: Request, found: Hypervisor) -> str | int:
    return found.host.host_id if request.at_least(53) else found.host.id


def _brief(request: Request, found: Hypervisor) -> dict[str, Any]:
    return {
        "id": _id(request, found),
        "hypervisor_hostname": found.host.hypervisor_hostname,
        "state": "up" if found.host.up else "down",
        "status": "disabled" if found.host.disabled else "enabled",
    }


def _use(request: Request, found: Hypervisor) -> dict[str, int]:
    """Totals and what is used of them, as 2.87 and before show it. Memory used includes the host's reserve."""
    inventory = found.host.inventory
    reserved = int(request.kit.settings.value("DEFAULT", "reserved_host_memory_mb"))
    memory = min(reserved, inventory.memory_mb) + found.use.memory_mb
    return {
        "vcpus": inventory.vcpus,
        "vcpus_used": found.use.vcpus,
        "memory_mb": inventory.memory_mb,
        "memory_mb_used": memory,
        "free_ram_mb": inventory.memory_mb - memory,
        "local_gb": inventory.disk_gb,
        "local_gb_used": found.use.disk_gb,
        "free_disk_gb": inventory.disk_gb - found.use.disk_gb,
        "disk_available_least": inventory.disk_available_least,
        "current_workload": found.use.busy,
        "running_vms": found.use.servers,
    }


def _whole(request: Request, found: Hypervisor, uptime: str | None) -> dict[str, Any]:
    host = found.host
    view = _brief(request, found)
    view.update(
        {
            "hypervisor_type": host.hypervisor_type,
            "hypervisor_version": host.hypervisor_version,
            "host_ip": host.host_ip or None,
            "service": {
                "id": host.service_uuid if request.at_least(53) else host.service_id,
                "host": host.host,
                "disabled_reason": host.disabled_reason,
            },
        }
    )
    if request.at_least(88):
        view["uptime"] = uptime
        return view
    view.update(_use(request, found))
    view["cpu_info"] = host.cpu_info if request.at_least(28) else msgspec.json.encode(host.cpu_info).decode()
    return view


def _servers(request: Request, found: Hypervisor) -> list[dict[str, str]]:
    template = request.kit.settings[ComputeOptions].instance_name_template
    return [{"name": domain_name(template, server), "uuid": server.id} for server in found.servers]


async def _uptime(request: Request, found: Hypervisor) -> str | None:
    """From 2.88 on a part of the details; nothing where the host does not answer."""
    if not request.at_least(88) or not found.host.up:
        return None
    try:
        answer = await nodes.ask(request.kit, found.host.host, Uptime(), _UPTIME_SECONDS)
    except ApiError:
        return None
    return None if answer.error is not None else str(answer.data.get("uptime", "")) or None


async def index(request: Request) -> Response:
    request.authorize(_RULE + "list")
    return await _list(request, detailed=False)


async def detail(request: Request) -> Response:
    request.authorize(_RULE + "list-detail")
    return await _list(request, detailed=True)


async def _list(request: Request, *, detailed: bool) -> Response:
    with_servers = bool(request.at_least(53) and request.query.flag("with_servers", False))
    pattern = request.query.get("hypervisor_hostname_pattern") if request.at_least(53) else None
    found = await request.kit.db.read(service.hypervisors, request.kit, with_servers=with_servers)
    limit = 0
    if pattern is not None:
        if "limit" in request.query or request.query.get("marker"):
            raise BadRequest(
                reason="Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported."
            )
        found = _matching(found, pattern)
    elif request.at_least(33):
        part = query.window(request)
        limit = part.limit
        if part.marker is not None:
            ids = [str(_id(request, one)) for one in found]
            query.require_marker(part.marker if part.marker in ids else None, part.marker)
            found = found[ids.index(part.marker) + 1 :]
        found = found[:limit]
    uptimes = await asyncio.gather(*(_uptime(request, one) for one in found if detailed)) or [None] * len(found)
    views = []
    for one, since in zip(found, uptimes, strict=True):
        view = _whole(request, one, since) if detailed else _brief(request, one)
        if with_servers and (one.servers or request.at_least(75)):
            view["servers"] = _servers(request, one)
        views.append(view)
    answer: dict[str, Any] = {"hypervisors": views}
    collection = "os-hypervisors/detail" if detailed else "os-hypervisors"
    following = next_page(request, collection, [str(view["id"]) for view in views], limit)
    if following:
        answer["hypervisors_links"] = following
    return reply(answer)


def _matching(found: list[Hypervisor], pattern: str) -> list[Hypervisor]:
    """Raises NoSuchHypervisors."""
    matching = [one for one in found if pattern in one.host.hypervisor_hostname]
    if not matching:
        raise NoSuchHypervisors(pattern=pattern[:255])
    return matching


async def _one(request: Request, *, with_servers: bool = False) -> Hypervisor:
    """Raises HypervisorNotFound, BadRequest for an id that is no UUID from 2.53 on."""
    wanted = request.params["hypervisor_id"]
    if request.at_least(53) and not is_uuid(wanted):
        raise BadRequest(reason=f"Invalid uuid {wanted[:64]}")
    for found in await request.kit.db.read(service.hypervisors, request.kit, with_servers=with_servers):
        if str(_id(request, found)) == wanted:
            return found
    raise HypervisorNotFound(hypervisor=wanted[:64])


async def show(request: Request) -> Response:
    request.authorize(_RULE + "show")
    with_servers = bool(request.at_least(53) and request.query.flag("with_servers", False))
    found = await _one(request, with_servers=with_servers)
    view = _whole(request, found, await _uptime(request, found))
    if with_servers and (found.servers or request.at_least(75)):
        view["servers"] = _servers(request, found)
    return reply({"hypervisor": view})


async def uptime(request: Request) -> Response:
    request.authorize(_RULE + "uptime")
    found = await _one(request)
    if not found.host.up:
        raise HostSilent(host=found.host.host, reason="it is down")
    answer = await nodes.ask(request.kit, found.host.host, Uptime(), _UPTIME_SECONDS)
    if answer.error is not None:
        raise HostSilent(host=found.host.host, reason=answer.error.message)
    return reply({"hypervisor": {**_brief(request, found), "uptime": str(answer.data.get("uptime", ""))}})


async def statistics(request: Request) -> Response:
    """Sums over the hypervisors that are not disabled, as upstream's."""
    request.authorize(_RULE + "statistics")
    found = await request.kit.db.read(service.hypervisors, request.kit, with_servers=False)
    enabled = [_use(request, one) for one in found if not one.host.disabled]
    sums = {name: sum(use[name] for use in enabled) for name in _SUMMED}
    return reply({"hypervisor_statistics": {"count": len(enabled), **sums}})


_SUMMED = (
    "vcpus", "vcpus_used", "memory_mb", "memory_mb_used", "free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb",
    "disk_available_least", "current_workload", "running_vms",
)  # fmt: skip


async def search(request: Request) -> Response:
    request.authorize(_RULE + "search")
    found = await request.kit.db.read(service.hypervisors, request.kit, with_servers=False)
    matching = _matching(found, request.params["hypervisor_id"])
    return reply({"hypervisors": [_brief(request, one) for one in matching]})


async def servers(request: Request) -> Response:
    request.authorize(_RULE + "servers")
    found = await request.kit.db.read(service.hypervisors, request.kit, with_servers=True)
    views = []
    for one in _matching(found, request.params["hypervisor_id"]):
        view = _brief(request, one)
        if one.servers:
            view["servers"] = _servers(request, one)
        views.append(view)
    return reply({"hypervisors": views})


def _flag(value: str) -> str | None:
    known = ("true", "1", "on", "yes", "false", "0", "off", "no")
    return None if value.lower() in known else f"{value[:32]!r} is not a boolean"


_LIST = query.Names(
    added={33: query.PAGING, 53: {"hypervisor_hostname_pattern": None, "with_servers": _flag}}, strict=53
)
_SHOW = query.Names(added={53: {"with_servers": _flag}}, strict=53)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-hypervisors", index, _LIST),
    get("/os-hypervisors/detail", detail, _LIST),
    get("/os-hypervisors/statistics", statistics, until=87),
    get("/os-hypervisors/{hypervisor_id}", show, _SHOW),
    get("/os-hypervisors/{hypervisor_id}/uptime", uptime, until=87),
    get("/os-hypervisors/{hypervisor_id}/search", search, until=52),
    get("/os-hypervisors/{hypervisor_id}/servers", servers, until=52),
)
