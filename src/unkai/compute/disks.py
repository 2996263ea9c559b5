"""Local disks of a server: the root disk, ephemeral ones and swap, from flavor and block device mapping.

Sources and destinations that need the Block Storage service are refused here until it exists.
"""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import Literal

import msgspec

from unkai.compute.errors import CannotCreate
from unkai.compute.server import FlavorCopy, LocalDisk

# Names of disks by bus, as Linux guests call them.
_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd"}
BUSES = tuple(_PREFIX)


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """One item of block_device_mapping_v2 (API reference: Create server); `size` is GiB, or MiB for swap."""

    source: Literal["volume", "image", "snapshot", "blank"] | None = None
    destination: Literal["local", "volume"] | None = None
    id: str | None = None
    boot_index: int | None = None
    size: int | None = None
    format: str | None = None
    bus: str | None = None
    device: str | None = None
    device_type: str | None = None
    volume_type: str | None = None
    absent: bool = False
    tag: str | None = None


def _refused(details: str) -> CannotCreate:
    return CannotCreate(reason=f"Block Device Mapping is Invalid: {details}")


def local_disks(
    mappings: Sequence[Mapping], image_id: str | None, flavor: FlavorCopy, max_local: int, ephemeral_format: str | None
) -> list[LocalDisk]:
    """The disks besides the root one: those of the mapping, or else those of the flavor.

    Raises CannotCreate for what contradicts itself, exceeds the flavor, or needs volumes.
    """
    wanted = [mapping for mapping in mappings if not mapping.absent]
    for mapping in wanted:
        _check(mapping, image_id)
    _check_boot_order(wanted)
    blank = [mapping for mapping in wanted if mapping.source == "blank"]
    swap = [mapping for mapping in blank if mapping.format == "swap"]
    ephemeral = [mapping for mapping in blank if mapping.format != "swap"]
    _check_sizes(flavor, swap, ephemeral)
    disks = [
        LocalDisk("ephemeral", mapping.size or flavor.ephemeral_gb, mapping.format, mapping.device, mapping.tag)
        for mapping in ephemeral
    ]
    if not ephemeral and flavor.ephemeral_gb:
        disks.append(LocalDisk("ephemeral", flavor.ephemeral_gb, ephemeral_format))
    if swap:
        disks.append(LocalDisk("swap", swap[0].size or flavor.swap_mb, None, swap[0].device, swap[0].tag))
    elif flavor.swap_mb:
        disks.append(LocalDisk("swap", flavor.swap_mb))
    if max_local >= 0 and len(disks) + 1 > max_local and blank:
        raise CannotCreate(
            reason="Block Device Mapping is Invalid: You specified more local devices than the limit allows"
        )
    return disks


def _check(mapping: Mapping, image_id: str | None) -> None:
    if mapping.source is None:
        raise _refused("Some required fields are missing")
    if mapping.source == "blank":
        if mapping.id:
            raise _refused("Invalid device UUID.")
        if mapping.destination == "volume" or mapping.destination is None:
            raise _refused("blank volumes need the Block Storage service, which this cloud does not have yet.")
    elif not mapping.id:
        raise _refused("Missing device UUID.")
    if mapping.destination == "local" and mapping.volume_type:
        raise _refused("Specifying a volume_type with destination_type=local is not supported.")
    if mapping.source == "volume" and mapping.volume_type:
        raise _refused("Specifying volume type to existing volume is not supported.")
    if mapping.source == "image" and mapping.destination == "local":
        if image_id is None or (mapping.boot_index if mapping.boot_index is not None else -1) != 0:
            raise _refused("Mapping image to local is not supported.")
        if mapping.id != image_id:
            raise _refused("the mapped image is another than the server's image.")
    elif mapping.source != "blank":
        raise _refused(
            f"a {mapping.source} as the source of a volume needs the Block Storage service, "
            "which this cloud does not have yet."
        )
    if mapping.bus is not None and mapping.bus not in BUSES:
        raise _refused(f"Invalid disk bus {mapping.bus[:32]!r}")


def _check_boot_order(mappings: Sequence[Mapping]) -> None:
    order = sorted(m.boot_index for m in mappings if m.boot_index is not None and m.boot_index >= 0)
    if order != list(range(len(order))) and mappings:
        raise _refused("Boot sequence for the instance and image/block device mapping combination is not valid.")


def _check_sizes(flavor: FlavorCopy, swap: Sequence[Mapping], ephemeral: Sequence[Mapping]) -> None:
    if len(swap) > 1:
        raise _refused("Only one swap device can be mapped.")
    if swap and (swap[0].size or flavor.swap_mb) > flavor.swap_mb:
        raise _refused("Swap drive requested is larger than instance type allows.")
    total = sum(mapping.size or flavor.ephemeral_gb for mapping in ephemeral)
    if total > flavor.ephemeral_gb:
        raise _refused("Ephemeral disks requested are larger than the instance type allows.")


def names(bus: str, count: int) -> list[str]:
    """Names of `count` disks on a bus: vda, vdb..."""
    prefix = _PREFIX.get(bus, "vd")
    return [prefix + letter for letter in ascii_lowercase[:count]]


def disk_gb(flavor: FlavorCopy, disks: Sequence[LocalDisk]) -> int:
    """What Placement counts: root and ephemeral disks in GiB, and swap rounded up to GiB."""
    return flavor.root_gb + flavor.ephemeral_gb + -(-flavor.swap_mb // 1024)
