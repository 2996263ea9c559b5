"""Creating servers: everything that can be refused is refused here, in one transaction with the rows.

A server begins as a row in BUILD and a flow that makes it real.
"""

import msgspec

from unkai.compute import disks, hardware, model, names
from unkai.compute.errors import CannotCreate, CreateConflict, LimitReached, OverQuota
from unkai.compute.flows.specs import CREATE, CreateInput
from unkai.compute.server import FlavorCopy, ImageCopy, Server
from unkai.compute.service import ingredients, quotas
from unkai.compute.service.requests import NewServer
from unkai.compute.settings import ComputeOptions
from unkai.compute.store import servers as store
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.errors import ApiError, QuotaExceeded
from unkai.kernel.flow import service as flows
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network import service as network
from unkai.network.service import NetworkRequest, PlannedNic


class Made(msgspec.Struct, frozen=True):
    """The servers of one request and the reservation that names them together."""

    servers: list[Server]
    reservation_id: str


def create_servers(tx: Tx, kit: Kit, context: Context, wanted: NewServer) -> Made:
    """Make as many servers as asked for and as the quota allows, at least the minimum.

    Raises CannotCreate (400), CreateConflict (409), LimitReached, OverQuota and ZeroDiskFlavor (403).
    """
    flavor = ingredients.flavor_copy(tx, context, wanted.flavor_id)
    if wanted.image_id is None:
        raise CannotCreate(reason="Invalid imageRef provided.")
    image = ingredients.image_copy(tx, context, wanted, flavor)
    options = kit.settings[ComputeOptions]
    local = disks.local_disks(
        wanted.mappings, wanted.image_id, flavor, options.max_local_block_devices, options.default_ephemeral_format
    )
    key = ingredients.key_copy(tx, context, wanted.key_name)
    ingredients.check_zone(tx, kit, wanted)
    ingredients.check_limits(tx, kit, context, wanted)
    _check_count(wanted)
    count = _affordable(tx, kit, context, wanted, flavor)
    nics, groups = _plan_network(tx, kit, context, wanted, count)
    group = ingredients.group_of(tx, kit, context, wanted.hints, count)
    now = utcnow()
    reservation = names.reservation_id()
    base = Server(
        id="",
        project_id=context.project_id or "",
        user_id=context.user_id,
        project_name=context.project_name or "",
        user_name=context.user_name,
        name=wanted.name,
        description=wanted.description,
        hostname=wanted.hostname or "",
        requested_zone=wanted.zone,
        destination=wanted.destination,
        hints=wanted.hints,
        group_id=None if group is None else group.id,
        flavor_id=flavor.flavor_id,
        flavor=flavor,
        image_id=wanted.image_id,
        image=image,
        kernel_id=image.properties.get("kernel_id") or None,
        ramdisk_id=image.properties.get("ramdisk_id") or None,
        disks=local,
        root_device="/dev/" + disks.names(hardware.disk_bus(image.properties), 1)[0],
        key_name=wanted.key_name,
        key=key,
        user_data=wanted.user_data,
        config_drive=_config_drive(wanted, image, options),
        auto_disk_config=_auto_disk(wanted, image),
        files=wanted.files,
        metadata=wanted.metadata,
        admin_password=wanted.admin_password,
        access_ip_v4=wanted.access_ip_v4,
        access_ip_v6=wanted.access_ip_v6,
        reservation_id=reservation,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        disk_gb=flavor.root_gb + flavor.ephemeral_gb,
        created_at=now,
        updated_at=now,
        tags=wanted.tags,
    )
    made = [_make(tx, context, base, index, count, CreateInput(nics=nics, security_groups=groups), options)
            for index in range(count)]  # fmt: skip
    return Made(made, reservation)


def _make(
    tx: Tx, context: Context, base: Server, index: int, count: int, plan: CreateInput, options: ComputeOptions
) -> Server:
    """One of `count` servers: its row and its flow."""
    server_id = new_uuid()
    hostname = base.hostname or names.host_name(base.name, server_id)
    several = count > 1
    if several and not base.hostname:
        hostname = f"{names.host_name(base.name, server_id)[:58]}-{index + 1}"
    server = store.insert(
        tx,
        Scope.project(base.project_id),
        msgspec.structs.replace(
            base,
            id=server_id,
            name=f"{base.name}-{index + 1}" if several else base.name,
            hostname=hostname,
            launch_index=index,
            vm_state=model.BUILDING,
            task_state=model.SCHEDULING,
        ),
    )
    spec = msgspec.structs.replace(CREATE, deadline=float(options.instance_build_timeout or CREATE.deadline))
    flows.start(tx, spec, server.id, plan, context, reason="POST /servers")
    return server


def _check_count(wanted: NewServer) -> None:
    if wanted.max_count == 1:
        return
    if wanted.hostname:
        raise CannotCreate(reason="Unable to allocate a single hostname to multiple instances")
    for request in wanted.networks if isinstance(wanted.networks, list) else []:
        if request.port_id is not None:
            raise CannotCreate(
                reason="Failed to launch multiple instances with one port: multiple instances with a fixed "
                "port_id are not supported"
            )
        if request.fixed_ip is not None:
            raise CannotCreate(reason="Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip "
                               "is specified.")  # fmt: skip


def _affordable(tx: Tx, kit: Kit, context: Context, wanted: NewServer, flavor: FlavorCopy) -> int:
    """How many servers the quota allows, under the project's lock. Raises OverQuota below the minimum."""
    uses = quotas.headroom(tx, kit, context.project_id or "", context.user_id)
    each = {"instances": 1, "cores": flavor.vcpus, "ram": flavor.memory_mb}
    fit = {name: max(0, use.limit - use.in_use) // each[name] for name, use in uses.items() if use.limit != UNLIMITED}
    count = min([wanted.max_count, *fit.values()])
    if count >= wanted.min_count:
        return count
    over = [name for name, most in fit.items() if most < wanted.min_count]
    raise OverQuota(
        resources=", ".join(over),
        requested=", ".join(str(each[name] * wanted.min_count) for name in over),
        used=", ".join(str(uses[name].in_use) for name in over),
        limit=", ".join(str(uses[name].limit) for name in over),
    )


def _plan_network(
    tx: Tx, kit: Kit, context: Context, wanted: NewServer, count: int
) -> tuple[list[PlannedNic], list[str] | None]:
    """Interfaces and ids of security groups, or upstream's refusal for what the network room does not accept."""
    requests: list[NetworkRequest] | None = None
    try:
        if wanted.networks == "none":
            nics = network.validate_requests(tx, kit, context, "none", count)
        elif wanted.networks == "auto":
            nics = network.validate_requests(tx, kit, context, "auto", count)
            if not nics:
                raise CannotCreate(
                    reason="Unable to automatically allocate a network for project "
                    f"{context.project_id}: it has none, and this cloud makes none by itself."
                )
        else:
            requests = wanted.networks or None
            nics = network.validate_requests(tx, kit, context, requests, count)
        if wanted.security_groups is None:
            return nics, None
        return nics, network.resolve_security_groups(tx, kit, context, wanted.security_groups)
    except (CannotCreate, CreateConflict):
        raise
    except QuotaExceeded as error:
        raise LimitReached(reason=error.message) from error
    except ApiError as error:
        raise translated(error) from error


def translated(error: ApiError) -> ApiError:
    """An error of the network room as a create request answers it: what is not found is a bad request there."""
    if error.code == "network.over_quota":
        return LimitReached(reason=error.message)
    if error.status in (400, 404):
        return CannotCreate(reason=error.message)
    if error.status == 409:
        return CreateConflict(reason=error.message)
    return error


def _config_drive(wanted: NewServer, image: ImageCopy, options: ComputeOptions) -> bool:
    mandatory = image.properties.get("img_config_drive") == "mandatory"
    return wanted.config_drive or options.force_config_drive or mandatory or bool(wanted.files)


def _auto_disk(wanted: NewServer, image: ImageCopy) -> bool:
    """AUTO unless the request or the image says otherwise. Raises CannotCreate for AUTO against the image."""
    told = image.properties.get("auto_disk_config") or image.properties.get("hw_auto_disk_config")
    disabled = (told or "").strip().lower() == "disabled"
    if wanted.disk_config == "AUTO" and disabled:
        raise CannotCreate(reason=f"Requested image {wanted.image_id} has automatic disk resize disabled.")
    if wanted.disk_config is not None:
        return wanted.disk_config == "AUTO"
    return hardware.truth(told, False)
