"""What a create request names, looked up and checked: flavor, image, key, zone, group, files.

Upstream answers 400 for whatever cannot be used here, also for what would be a 404 elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from unkai.compute import hardware
from unkai.compute.errors import CannotCreate, FlavorNotFound, LimitReached, ZeroDiskFlavor
from unkai.compute.server import FlavorCopy, ImageCopy, KeyCopy
from unkai.compute.service.flavors import get_flavor
from unkai.compute.service.requests import NewServer
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.store import groups as group_store
from unkai.compute.store import keypairs as keypair_store
from unkai.compute.store import servers as server_store
from unkai.compute.store.groups import ServerGroup
from unkai.image import service as images
from unkai.kernel.context import Context
from unkai.kernel.errors import NotFound
from unkai.kernel.ids import is_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes

_GIB = 1024**3


def flavor_copy(tx: Tx, context: Context, flavor_id: str) -> FlavorCopy:
    """Raises CannotCreate."""
    try:
        flavor = get_flavor(tx, context, flavor_id)
    except FlavorNotFound as error:
        raise CannotCreate(reason=error.message) from error
    if flavor.disabled:
        raise CannotCreate(reason=f"Flavor {flavor_id} could not be found.")
    return FlavorCopy(
        flavor_id=flavor.flavor_id,
        name=flavor.name,
        vcpus=flavor.vcpus,
        memory_mb=flavor.memory_mb,
        root_gb=flavor.root_gb,
        ephemeral_gb=flavor.ephemeral_gb,
        swap_mb=flavor.swap_mb,
        extra_specs=flavor.extra_specs,
    )


def image_copy(tx: Tx, context: Context, wanted: NewServer, flavor: FlavorCopy) -> ImageCopy:
    """The image, if it is there and the flavor is large enough for it. Raises CannotCreate, ZeroDiskFlavor."""
    assert wanted.image_id is not None
    image = _active(tx, context, wanted.image_id)
    properties = {key: str(value) for key, value in image.properties.items()}
    if image.min_ram > flavor.memory_mb:
        raise CannotCreate(reason="Flavor's memory is too small for requested image.")
    _check_disk(image, flavor, wanted.zero_disk)
    hardware.check(flavor.vcpus, flavor.extra_specs, properties)
    hardware.disk_bus(properties)
    for attribute in ("kernel_id", "ramdisk_id"):
        if properties.get(attribute):
            _active(tx, context, properties[attribute])
    return ImageCopy(
        name=image.name or "",
        disk_format=image.disk_format or "",
        container_format=image.container_format or "",
        size=image.size or 0,
        hash_algo=image.os_hash_algo or "",
        hash_value=image.os_hash_value or "",
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        properties=properties,
        number=server_store.image_number(tx, SYSTEM, image.id),
    )


def _active(tx: Tx, context: Context, image_id: str) -> images.Image:
    try:
        image = images.get_image(tx, context, image_id)
    except NotFound as error:
        raise CannotCreate(reason="Can not find requested image") from error
    if image.status != "active":
        raise CannotCreate(reason=f"Image {image_id} is not active.")
    return image


def _check_disk(image: images.Image, flavor: FlavorCopy, zero_disk: bool) -> None:
    if flavor.root_gb == 0:
        if not zero_disk:
            raise ZeroDiskFlavor
        return
    disk = flavor.root_gb * _GIB
    needed = max(image.size or 0, image.virtual_size or 0)
    if needed > disk:
        raise CannotCreate(
            reason=f"Flavor's disk is too small for requested image. "
            f"Flavor disk is {disk} bytes, image is {needed} bytes."
        )
    if image.min_disk > flavor.root_gb:
        raise CannotCreate(
            reason="Flavor's disk is smaller than the minimum size specified in image metadata. "
            f"Flavor disk is {disk} bytes, minimum size is {image.min_disk * _GIB} bytes."
        )


def key_copy(tx: Tx, context: Context, name: str | None) -> KeyCopy | None:
    """Raises CannotCreate."""
    if name is None:
        return None
    keypair = keypair_store.get(tx, context.user_id, name)
    if keypair is None:
        raise CannotCreate(reason="Invalid key_name provided.")
    return KeyCopy(keypair.name, keypair.type, keypair.public_key)


def check_zone(tx: Tx, kit: Kit, wanted: NewServer) -> None:
    """A zone must have a host that may take servers; a named host must exist. Raises CannotCreate."""
    destination = wanted.destination
    if wanted.zone is None and destination is None:
        return
    hosts = nodes.hosts(tx, kit)
    if destination is not None and not destination.forced:
        named = [
            host
            for host in hosts
            if destination.host in (None, host.host) and destination.node in (None, host.hypervisor_hostname)
        ]
        if not named:
            raise CannotCreate(reason=f"Compute host {destination.host or destination.node} could not be found.")
    if destination is None or not destination.forced:
        zones = {host.zone for host in hosts if host.up and not host.disabled}
        if wanted.zone is not None and wanted.zone not in zones:
            raise CannotCreate(reason="The requested availability zone is not available")


def group_of(tx: Tx, kit: Kit, context: Context, hints: Mapping[str, Any], count: int) -> ServerGroup | None:
    """The server group that a hint names, locked: its members are counted. Raises CannotCreate, LimitReached."""
    hint = hints.get("group")
    group_id = hint[0] if isinstance(hint, list) and hint else hint
    if not group_id:
        return None
    if not isinstance(group_id, str) or not is_uuid(group_id):
        raise CannotCreate(reason="Server group scheduler hint must be a UUID.")
    scope = SYSTEM if context.is_admin else Scope.project(context.project_id or "")
    group = group_store.get(tx, scope, group_id, lock=True)
    if group is None:
        raise CannotCreate(reason=f"Instance group {group_id} could not be found.")
    limit = kit.quota.limits(tx, "compute", context.project_id or "")["server_group_members"]
    if limit != UNLIMITED and len(group.members) + count > limit:
        raise LimitReached(reason="Quota exceeded, too many servers in group")
    return group


def check_limits(tx: Tx, kit: Kit, context: Context, wanted: NewServer) -> None:
    """Metadata items and injected files against their quotas. Raises LimitReached."""
    limits = kit.quota.limits(tx, "compute", context.project_id or "")
    items = limits["metadata_items"]
    if items != UNLIMITED and len(wanted.metadata) > items:
        raise LimitReached(reason=f"Maximum number of metadata items exceeds {items}")
    files, content, path = (limits[f"injected_file{part}"] for part in ("s", "_content_bytes", "_path_bytes"))
    if files != UNLIMITED and len(wanted.files) > files:
        raise LimitReached(reason=f"Maximum number of injected files exceeded (at most {files})")
    for file in wanted.files:
        if path != UNLIMITED and len(file.path.encode()) > path:
            raise LimitReached(reason=f"Injected file path exceeds maximum {path}")
        if content != UNLIMITED and len(file.contents) * 3 // 4 > content:
            raise LimitReached(reason=f"Injected file content exceeds maximum {content}")
