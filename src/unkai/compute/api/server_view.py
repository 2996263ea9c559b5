"""Servers as the API shows them: which field comes and goes with which microversion.

Fields and versions are upstream's (API reference: Servers; history of microversions).
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from unkai.compute import image_properties, model
from unkai.compute.api.links import bookmark, links
from unkai.compute.server import Server, domain_name
from unkai.compute.service.listing import Facts
from unkai.compute.settings import ComputeOptions
from unkai.kernel.clock import iso_micro, iso_z
from unkai.kernel.web import Request
from unkai.network.service import Nic
from unkai.nodes.service import Host

View = dict[str, Any]
_RULE = "os_compute_api:servers:"


class Sight(msgspec.Struct, frozen=True):
    """What the caller may see besides the plain fields. `host_status`: any, only UNKNOWN, or none."""

    extra_specs: bool
    extended: bool
    host_status: Literal["any", "unknown", "none"]
    is_admin: bool


def sight(request: Request, project_id: str | None = None) -> Sight:
    """By policy, for one server's project or (lists) for the caller's own."""
    target = None if project_id is None else {"project_id": project_id}
    status: Literal["any", "unknown", "none"] = "none"
    if request.at_least(16):
        if request.allows(_RULE + "show:host_status", target):
            status = "any"
        elif request.allows(_RULE + "show:host_status:unknown-only", target):
            status = "unknown"
    return Sight(
        extra_specs=request.at_least(47) and request.allows(_RULE + "show:flavor-extra-specs", target),
        extended=request.allows("os_compute_api:os-extended-server-attributes", target),
        host_status=status,
        is_admin=request.context.is_admin,
    )


def brief(request: Request, server: Server) -> View:
    return {"id": server.id, "name": server.name, "links": links(request, "servers", server.id)}


def detail(request: Request, server: Server, facts: Facts, seen: Sight, *, in_list: bool = False) -> View:
    """A server as GET shows it; lists leave out its group."""
    view = _plain(request, server, facts, seen, with_macs=True)
    view.update(_state(request, server, facts, seen))
    if request.at_least(71) and not in_list:
        view["server_groups"] = [server.group_id] if server.group_id else []
    return view


def updated(request: Request, server: Server, facts: Facts, seen: Sight) -> View:
    """A server as PUT answers: the whole of it from 2.75 on, a part of it before."""
    if request.at_least(75):
        return detail(request, server, facts, seen)
    view = _plain(request, server, facts, seen, with_macs=False)
    view.update(_common(request, server))
    if request.at_least(71):
        view["server_groups"] = [server.group_id] if server.group_id else []
    return view


def _plain(request: Request, server: Server, facts: Facts, seen: Sight, *, with_macs: bool) -> View:
    """What every answer about a server holds since 2.1."""
    status = server.status
    nics = facts.nics.get(server.id, ())
    view: View = {
        "id": server.id,
        "name": server.name,
        "status": status,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": server.metadata,
        "hostId": server.shown_host_id,
        "image": _image(request, server),
        "flavor": _flavor(request, server, seen),
        "created": iso_z(server.created_at),
        "updated": iso_z(server.updated_at),
        "addresses": {} if server.vm_state == model.BUILDING else addresses(nics, with_macs=with_macs),
        "accessIPv4": server.access_ip_v4 or "",
        "accessIPv6": server.access_ip_v6 or "",
        "links": links(request, "servers", server.id),
        "OS-DCF:diskConfig": "AUTO" if server.auto_disk_config else "MANUAL",
    }
    if status in model.WITH_PROGRESS:
        view["progress"] = server.progress
    if status in model.WITH_FAULT and server.fault is not None:
        view["fault"] = _fault(server, seen)
    return view


def _common(request: Request, server: Server) -> View:
    """Fields of later versions that PUT has shown from their first day on."""
    view: View = {}
    if request.at_least(9):
        view["locked"] = server.locked_by is not None
    if request.at_least(19):
        view["description"] = server.description
    if request.at_least(26):
        view["tags"] = list(server.tags)
    if request.at_least(63):
        view["trusted_image_certificates"] = None
    if request.at_least(73):
        view["locked_reason"] = server.locked_reason
    return view


def _state(request: Request, server: Server, facts: Facts, seen: Sight) -> View:
    """What once were extensions, and what came after them."""
    host = facts.hosts.get(server.host or "")
    view: View = {
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "OS-SRV-USG:launched_at": iso_micro(server.launched_at),
        "OS-SRV-USG:terminated_at": iso_micro(server.terminated_at),
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "os-extended-volumes:volumes_attached": [],
        "OS-EXT-AZ:availability_zone": zone_of(server, host),
        **_common(request, server),
    }
    groups = [{"name": name} for nic in facts.nics.get(server.id, ()) for name in nic.security_groups]
    if groups:
        view["security_groups"] = groups
    if seen.extended:
        view.update(_extended(request, server))
    elif request.at_least(90):
        view["OS-EXT-SRV-ATTR:hostname"] = server.hostname
    status = host_status(server, host)
    if seen.host_status == "any" or (seen.host_status == "unknown" and status == "UNKNOWN"):
        view["host_status"] = status
    if request.at_least(96):
        view["pinned_availability_zone"] = server.requested_zone
    if request.at_least(100):
        view["scheduler_hints"] = server.hints
    return view


def _extended(request: Request, server: Server) -> View:
    template = request.kit.settings[ComputeOptions].instance_name_template
    found: View = {
        "host": server.host,
        "instance_name": domain_name(template, server),
        "hypervisor_hostname": server.node,
    }
    if request.at_least(3):
        found.update(
            hostname=server.hostname,
            kernel_id=server.kernel_id or "",
            launch_index=server.launch_index,
            ramdisk_id=server.ramdisk_id or "",
            reservation_id=server.reservation_id,
            root_device_name=server.root_device,
            user_data=server.user_data,
        )
    return {f"OS-EXT-SRV-ATTR:{name}": value for name, value in found.items()}


def zone_of(server: Server, host: Host | None) -> str:
    """The zone of the host as it is now; before there is one, the zone that was asked for."""
    if host is not None:
        return host.zone
    return server.zone or server.requested_zone or ""


def host_status(server: Server, host: Host | None) -> str:
    if server.host is None:
        return ""
    if host is None:
        return "UNKNOWN"
    if host.forced_down:
        return "DOWN"
    if not host.up:
        return "UNKNOWN"
    return "MAINTENANCE" if host.disabled else "UP"


def _image(request: Request, server: Server) -> View | str:
    if server.image_id is None:
        return ""
    view: View = {"id": server.image_id, "links": bookmark(request, "images", server.image_id)}
    if request.at_least(98):
        known = image_properties.KNOWN
        view["properties"] = {key: text for key, text in server.image.properties.items() if key in known}
    return view


def _flavor(request: Request, server: Server, seen: Sight) -> View:
    flavor = server.flavor
    if not request.at_least(47):
        return {"id": flavor.flavor_id, "links": bookmark(request, "flavors", flavor.flavor_id)}
    view: View = {
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mb,
        "disk": flavor.root_gb,
        "ephemeral": flavor.ephemeral_gb,
        "swap": flavor.swap_mb,
        "original_name": flavor.name,
    }
    if seen.extra_specs:
        view["extra_specs"] = flavor.extra_specs
    return view


def _fault(server: Server, seen: Sight) -> View:
    fault = server.fault
    assert fault is not None
    view: View = {"code": fault.code, "created": iso_z(fault.created), "message": fault.message}
    if fault.details and (seen.is_admin or fault.code != 500):
        view["details"] = fault.details
    return view


def addresses(nics: Sequence[Nic], *, with_macs: bool) -> dict[str, list[View]]:
    """Addresses by the names of networks: fixed ones, then floating ones, in the order of the interfaces."""
    fixed: dict[str, list[View]] = {}
    floating: dict[str, list[View]] = {}
    for nic in nics:
        fixed.setdefault(nic.network_label, [])
        for address in nic.fixed_ips:
            fixed[nic.network_label].append(_address(address.ip_address, address.version, "fixed", nic, with_macs))
            for outer in address.floating_ips:
                version = 6 if ":" in outer else 4
                floating.setdefault(nic.network_label, []).append(_address(outer, version, "floating", nic, with_macs))
    return {label: [*found, *floating.get(label, ())] for label, found in fixed.items()}


def _address(address: str, version: int, kind: str, nic: Nic, with_macs: bool) -> View:
    view: View = {"version": version, "addr": address}
    if with_macs:
        view.update({"OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": nic.mac})
    return view
