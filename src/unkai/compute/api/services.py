"""Compute services, zones and (until 2.42) hosts (upstream API reference: Compute services, Availability zones)."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from unkai.compute.api import query
from unkai.compute.api.body import Body, Since, decode
from unkai.compute.api.kinds import Flag, Fqdn, present, truth
from unkai.compute.api.routes import Endpoint, delete, get, put
from unkai.compute.errors import NotSupported, UnknownServiceAction
from unkai.compute.service import hosts as service
from unkai.compute.service.hosts import BINARY, ServiceChange
from unkai.kernel.clock import iso_micro
from unkai.kernel.errors import BadRequest
from unkai.kernel.ids import is_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Request, Response, empty, reply
from unkai.nodes import service as nodes
from unkai.nodes.service import Host

_RULE = "os_compute_api:os-services:"
Reason = Annotated[str, Meta(min_length=1, max_length=255)]


class ByHost(Body):
    """Until 2.52 the action stands in the address and the service in the body."""

    host: Fqdn
    binary: Annotated[str, Meta(min_length=1, max_length=255)]
    disabled_reason: Reason | UnsetType = UNSET
    forced_down: Annotated[Flag | UnsetType, Since(11)] = UNSET


class ById(Body):
    status: Literal["enabled", "disabled"] | UnsetType = UNSET
    disabled_reason: Reason | UnsetType = UNSET
    forced_down: Flag | UnsetType = UNSET


def _view(request: Request, host: Host) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": host.service_uuid if request.at_least(53) else host.service_id,
        "binary": BINARY,
        "host": host.host,
        "zone": host.zone,
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if host.up else "down",
        "updated_at": iso_micro(host.last_seen),
        "disabled_reason": host.disabled_reason,
    }
    if request.at_least(11):
        view["forced_down"] = host.forced_down
    return view


async def index(request: Request) -> Response:
    request.authorize(_RULE + "list")
    hosts = await request.kit.db.read(nodes.hosts, request.kit)
    wanted, binary = request.query.get("host"), request.query.get("binary")
    found = [host for host in hosts if wanted in (None, "", host.host) and binary in (None, "", BINARY)]
    return reply({"services": [_view(request, host) for host in found]})


async def update(request: Request) -> Response:
    if request.at_least(53):
        return await _update_by_id(request)
    body = await decode(request, ByHost)
    request.authorize(_RULE + "update")
    action = request.params["service_id"]
    answer: dict[str, Any] = {"host": body.host, "binary": body.binary}
    if action == "enable":
        change = ServiceChange(disabled=False)
        answer["status"] = "enabled"
    elif action in ("disable", "disable-log-reason"):
        reason = present(body.disabled_reason, None)
        if action == "disable-log-reason" and reason is None:
            raise BadRequest(reason="Missing disabled reason field")
        change = ServiceChange(disabled=True, reason=reason if action == "disable-log-reason" else None)
        answer["status"] = "disabled"
        if change.reason is not None:
            answer["disabled_reason"] = change.reason
    elif action == "force-down" and request.at_least(11):
        if isinstance(body.forced_down, UnsetType):
            raise BadRequest(reason="Missing forced_down field")
        change = ServiceChange(forced_down=truth(body.forced_down))
        answer["forced_down"] = change.forced_down
    else:
        raise UnknownServiceAction
    if body.binary != BINARY:
        raise BadRequest(
            reason=f"Updating a {body.binary} service is not supported. Only nova-compute services can be updated."
        )
    await request.kit.db.run(service.change_by_host, request.kit, body.host, body.binary, change)
    return reply({"service": answer})


async def _update_by_id(request: Request) -> Response:
    body = await decode(request, ById)
    service_id = _uuid(request)
    request.authorize(_RULE + "update")
    status, reason = present(body.status, None), present(body.disabled_reason, None)
    if status == "enabled" and reason:
        raise BadRequest(reason="Specifying 'disabled_reason' with status 'enabled' is invalid.")
    forced = None if isinstance(body.forced_down, UnsetType) else truth(body.forced_down)
    if status is None and forced is None:
        raise BadRequest(reason="No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    change = ServiceChange(None if status is None else status == "disabled", reason, forced)
    host = await request.kit.db.run(service.change_by_id, request.kit, service_id, change)
    return reply({"service": _view(request, host)})


def _uuid(request: Request) -> str:
    service_id = request.params["service_id"]
    if not is_uuid(service_id):
        raise BadRequest(reason=f"Invalid uuid {service_id[:64]}")
    return service_id


async def remove(request: Request) -> Response:
    request.authorize(_RULE + "delete")
    service_id = request.params["service_id"]
    if request.at_least(53):
        _uuid(request)
    elif not service_id.isdigit():
        raise BadRequest(reason=f"Invalid input received: id must be an integer: {service_id[:64]}")
    await request.kit.db.run(service.forget_service, request.kit, service_id)
    return empty(204)


# --- zones


async def zones(request: Request) -> Response:
    request.authorize("os_compute_api:os-availability-zone:list")
    found = await request.kit.db.read(_zones, request.kit)
    return reply({"availabilityZoneInfo": [_zone(name, hosts, None) for name, hosts in _ordered(found)]})


async def zones_detail(request: Request) -> Response:
    request.authorize("os_compute_api:os-availability-zone:detail")
    found = await request.kit.db.read(_zones, request.kit)
    views = []
    for name, hosts in _ordered(found):
        services = {
            host.host: {
                BINARY: {
                    "available": host.up,
                    "active": not host.disabled,
                    "updated_at": iso_micro(host.last_seen),
                }
            }
            for host in hosts
            if not host.disabled
        }
        views.append(_zone(name, hosts, services if _available(hosts) else None))
    return reply({"availabilityZoneInfo": views})


def _zones(tx: Tx, kit: Kit) -> dict[str, list[Host]]:
    """A new cloud without hosts has its default zone too, as upstream's."""
    found = nodes.zones(tx, kit)
    return found or {str(kit.settings.value("DEFAULT", "default_availability_zone")): []}


def _available(hosts: list[Host]) -> bool:
    return any(host.up and not host.disabled for host in hosts)


def _ordered(found: dict[str, list[Host]]) -> list[tuple[str, list[Host]]]:
    """Available ones first."""
    return sorted(found.items(), key=lambda item: (not _available(item[1]), item[0]))


def _zone(name: str, hosts: list[Host], services: dict[str, Any] | None) -> dict[str, Any]:
    return {"zoneName": name, "zoneState": {"available": _available(hosts)}, "hosts": services}


# --- hosts, gone from 2.43 on

_Switch = Literal["enable", "disable", "Enable", "Disable", "ENABLE", "DISABLE"]


class HostUpdate(Body):
    status: _Switch | UnsetType = UNSET
    maintenance_mode: _Switch | UnsetType = UNSET


async def hosts(request: Request) -> Response:
    request.authorize("os_compute_api:os-hosts:list")
    zone = request.query.get("zone")
    found = await request.kit.db.read(nodes.hosts, request.kit)
    views = [
        {"host_name": host.host, "service": "compute", "zone": host.zone}
        for host in found
        if not host.disabled and zone in (None, "", host.zone)
    ]
    return reply({"hosts": views})


async def show_host(request: Request) -> Response:
    request.authorize("os_compute_api:os-hosts:show")
    host, use, projects = await request.kit.db.read(service.host_use, request.kit, request.params["host"])
    reserved = int(request.kit.settings.value("DEFAULT", "reserved_host_memory_mb"))

    def line(project: str, cpu: int, memory: int, disk: int) -> dict[str, Any]:
        amounts = {"cpu": cpu, "memory_mb": memory, "disk_gb": disk}
        return {"resource": {"host": host.host, "project": project, **amounts}}

    inventory = host.inventory
    lines = [
        line("(total)", inventory.vcpus, inventory.memory_mb, inventory.disk_gb),
        line("(used_now)", use.vcpus, reserved + use.memory_mb, use.disk_gb),
        line("(used_max)", use.vcpus, use.memory_mb, use.disk_gb),
    ]
    lines += [line(one.project_id, one.vcpus, one.memory_mb, one.disk_gb) for one in projects]
    return reply({"host": lines})


async def update_host(request: Request) -> Response:
    body = await decode(request, HostUpdate)
    request.authorize("os_compute_api:os-hosts:update")
    if body.status is UNSET and body.maintenance_mode is UNSET:
        raise BadRequest(reason="One of 'status' and 'maintenance_mode' is required")
    if body.maintenance_mode is not UNSET:
        raise NotSupported(reason="The requested functionality is not supported.")
    enabled = present(body.status, "").lower() == "enable"
    name = request.params["host"]
    await request.kit.db.read(service.host_use, request.kit, name)
    await request.kit.db.run(service.change_by_host, request.kit, name, BINARY, ServiceChange(disabled=not enabled))
    return reply({"host": name, "status": "enabled" if enabled else "disabled"})


async def power_host(request: Request) -> Response:
    """Machines are not switched by the cloud, as with upstream's libvirt driver."""
    action = request.path.rsplit("/", 1)[-1]
    request.authorize(f"os_compute_api:os-hosts:{'start' if action == 'startup' else action}")
    await request.kit.db.read(service.host_use, request.kit, request.params["host"])
    raise NotSupported(reason="The requested functionality is not supported.")


_SERVICES = query.Names(known={"host": None, "binary": None}, strict=75)

ENDPOINTS: tuple[Endpoint, ...] = (
    get("/os-services", index, _SERVICES),
    put("/os-services/{service_id}", update),
    delete("/os-services/{service_id}", remove),
    get("/os-availability-zone", zones),
    get("/os-availability-zone/detail", zones_detail),
    get("/os-hosts", hosts, query.Names(known={"zone": None}), until=42),
    get("/os-hosts/{host}", show_host, until=42),
    put("/os-hosts/{host}", update_host, until=42),
    get("/os-hosts/{host}/startup", power_host, until=42),
    get("/os-hosts/{host}/shutdown", power_host, until=42),
    get("/os-hosts/{host}/reboot", power_host, until=42),
)
