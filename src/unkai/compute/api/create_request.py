"""From the body of POST /servers to what the service is asked for."""

import re
from ipaddress import ip_address
from typing import Any

from msgspec import UNSET, UnsetType

from unkai.compute import names
from unkai.compute.api.kinds import present, refuse, truth, whole
from unkai.compute.api.server_bodies import CreateServer, DiskMapping, LegacyMapping, Network, NewServerBody
from unkai.compute.disks import Mapping
from unkai.compute.errors import CannotCreate
from unkai.compute.server import Destination, File
from unkai.compute.service.requests import NewServer
from unkai.compute.settings import ComputeOptions
from unkai.kernel.errors import BadRequest
from unkai.kernel.ids import is_uuid
from unkai.kernel.web import Request
from unkai.network.service import NetworkRequest

_RULE = "os_compute_api:servers:create"
_HOSTNAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]")


def read(request: Request, body: CreateServer) -> NewServer:
    """Checks what needs more than one field, and the policies of parts of the request.

    Raises BadRequest kinds and Forbidden.
    """
    server = body.server
    zone, destination = _where(request, server)
    low, high = _counts(server)
    networks = _networks(request, server)
    if networks not in (None, "none"):
        request.authorize(_RULE + ":attach_network")
    mappings = _mappings(server)
    if mappings:
        request.authorize(_RULE + ":attach_volume")
    if present(server.trusted_image_certificates, None):
        request.authorize(_RULE + ":trusted_certs")
        # Signatures of images are not verified yet: a promise to check them must not be accepted silently.
        raise CannotCreate(reason="Image signature certificate validation is not available in this cloud.")
    options = request.kit.settings[ComputeOptions]
    image_id = present(server.image_ref, "") or None
    return NewServer(
        name=server.name,
        # Before 2.19 there was no description of its own.
        description=present(server.description, None) if request.at_least(19) else server.name,
        hostname=_hostname(request, server),
        flavor_id=str(server.flavor_ref).rsplit("/", 1)[-1],
        image_id=image_id,
        key_name=present(server.key_name, None),
        networks=networks,
        security_groups=_groups(server),
        user_data=present(server.user_data, None),
        metadata=present(server.metadata, {}),
        config_drive=truth(server.config_drive),
        min_count=low,
        max_count=high,
        zone=zone,
        destination=destination,
        hints=present(body.hints, present(body.old_hints, {})),
        disk_config=present(server.disk_config, None),
        tags=tuple(present(server.tags, [])),
        files=_files(server),
        mappings=mappings,
        admin_password=present(server.admin_pass, None) or names.password(options.password_length),
        access_ip_v4=canonical(present(server.access_ip_v4, None)),
        access_ip_v6=canonical(present(server.access_ip_v6, None)),
        zero_disk=request.allows(_RULE + ":zero_disk_flavor"),
    )


def canonical(address: str | None) -> str | None:
    """An address in its shortest form, in which the API shows it."""
    return None if address is None else str(ip_address(address))


def _counts(server: NewServerBody) -> tuple[int, int]:
    low = whole(server.min_count, 1)
    high = whole(server.max_count, low)
    if low > high:
        raise BadRequest(reason="min_count must be <= max_count")
    return low, high


def _where(request: Request, server: NewServerBody) -> tuple[str | None, Destination | None]:
    """The zone, and the host that "zone:host:node" or (2.74) the host fields name."""
    text = present(server.availability_zone, None)
    zone, host, node = text, None, None
    if text is not None and ":" in text:
        parts = text.split(":")
        if len(parts) > 3:
            raise BadRequest(reason="Unable to parse availability_zone")
        zone, host, node = parts[0] or None, parts[1] or None, parts[2] or None if len(parts) == 3 else None
    target = {
        "project_id": request.context.project_id,
        "user_id": request.context.user_id,
        "availability_zone": zone,
    }
    request.authorize(_RULE, target)
    zone = zone or request.kit.settings[ComputeOptions].default_schedule_zone
    if host or node:
        request.authorize(_RULE + ":forced_host", target)
    asked = (present(server.host, None), present(server.hypervisor_hostname, None))
    if any(asked):
        request.authorize("compute:servers:create:requested_destination", target)
        if host or node:
            raise BadRequest(
                reason="One mechanism with host and/or hypervisor_hostname and another mechanism with "
                "zone:host:node are mutually exclusive."
            )
        return zone, Destination(*asked)
    # A forced host passes the zone's filter by; its own zone is what counts.
    return (None, Destination(host, node, forced=True)) if host or node else (zone, None)


def _hostname(request: Request, server: NewServerBody) -> str | None:
    name = present(server.hostname, None)
    if name is None:
        return None
    return checked_hostname(request, name)


def checked_hostname(request: Request, name: str) -> str:
    """A leaf name up to 2.93, with a domain from 2.94 on. Raises InvalidField."""
    if not request.at_least(94) and (len(name) > 63 or not _HOSTNAME.fullmatch(name)):
        raise refuse("hostname", name, "not a host name of 2 to 63 letters, digits and dashes")
    return name


def _networks(request: Request, server: NewServerBody) -> Any:
    if isinstance(server.networks, UnsetType):
        if request.at_least(37):
            raise refuse("server", "", "'networks' is a required property")
        return None
    if isinstance(server.networks, str):
        if not request.at_least(37):
            raise refuse("networks", server.networks, "is not of type 'array'")
        return server.networks
    ports: set[str] = set()
    return [_network(network, ports) for network in server.networks] or None


def _network(network: Network, ports: set[str]) -> NetworkRequest:
    port = present(network.port, None)
    fixed = present(network.fixed_ip, None)
    tag = present(network.tag, None)
    if port is not None:
        if port in ports:
            raise BadRequest(reason=f"Port ID '{port}' was specified twice: you cannot attach a port multiple times.")
        if fixed is not None:
            raise BadRequest(
                reason=f"Specified Fixed IP '{fixed}' cannot be used with port '{port}': "
                "the two cannot be specified together."
            )
        ports.add(port)
        return NetworkRequest(port_id=port, tag=tag)
    uuid = present(network.uuid, None)
    if uuid is None:
        raise BadRequest(reason="Bad network format: missing 'uuid'")
    if not is_uuid(uuid):
        raise BadRequest(reason=f"Bad networks format: network uuid is not in proper format ({uuid[:64]})")
    return NetworkRequest(network_id=uuid, fixed_ip=fixed, tag=tag)


def _groups(server: NewServerBody) -> list[str] | None:
    if isinstance(server.security_groups, UnsetType):
        return None
    named = [present(group.name, "") for group in server.security_groups]
    return list(dict.fromkeys(name for name in named if name)) or None


def _files(server: NewServerBody) -> list[File]:
    files = []
    for item in present(server.personality, []):
        if item.path is UNSET or item.contents is UNSET:
            raise BadRequest(reason="Bad personality format: missing path or contents")
        files.append(File(present(item.path, ""), present(item.contents, "")))
    return files


def _mappings(server: NewServerBody) -> list[Mapping]:
    old, new = present(server.block_device_mapping, []), present(server.block_device_mapping_v2, [])
    if old and new:
        raise BadRequest(reason="Using different block_device_mapping syntaxes is not allowed in the same request.")
    return [_old_mapping(item) for item in old] + [_mapping(item) for item in new]


def _mapping(item: DiskMapping) -> Mapping:
    index = present(item.boot_index, None)
    size = present(item.volume_size, None)
    return Mapping(
        source=present(item.source_type, None),
        destination=present(item.destination_type, None),
        id=present(item.uuid, None),
        boot_index=None if index is None else whole(index),
        size=None if size is None else whole(size),
        format=present(item.guest_format, None),
        bus=present(item.disk_bus, None),
        device=present(item.device_name, None),
        device_type=present(item.device_type, None),
        volume_type=present(item.volume_type, None),
        absent=bool(present(item.no_device, None)),
        tag=present(item.tag, None),
    )


def _old_mapping(item: LegacyMapping) -> Mapping:
    """Upstream's first form: virtual_name "swap" or "ephemeralN", or a volume, or a snapshot."""
    virtual = present(item.virtual_name, "")
    size = present(item.volume_size, None)
    device = present(item.device_name, None)
    if virtual == "swap" or virtual.startswith("ephemeral"):
        return Mapping(
            source="blank",
            destination="local",
            format="swap" if virtual == "swap" else None,
            size=None if size is None else whole(size),
            device=device,
        )
    if present(item.snapshot_id, None):
        return Mapping(source="snapshot", destination="volume", id=present(item.snapshot_id, None), device=device)
    if present(item.volume_id, None):
        return Mapping(source="volume", destination="volume", id=present(item.volume_id, None), device=device)
    if present(item.no_device, None):
        return Mapping(absent=True, device=device)
    raise CannotCreate(reason="Block Device Mapping is Invalid: Unrecognized legacy format.")
