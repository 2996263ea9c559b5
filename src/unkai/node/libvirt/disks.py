"""Disks and what they hang on."""

from collections.abc import Sequence
from pathlib import Path

from unkai.contracts.guest import Disk
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.xml import Element, add
from unkai.node.storage.disks import DiskFile

__all__ = ["Backing", "add_disks", "needs_ide"]

Backing = dict[Path, tuple[Path, str]]


def needs_ide(disks: Sequence[Disk]) -> bool:
    """Whether a machine without IDE (q35) would not do."""
    return any(disk.bus == "ide" for disk in disks)


def add_disks(
    devices: Element, files: Sequence[DiskFile], backing: Backing, host: Host, scsi_model: str | None
) -> None:
    """`backing` tells for a disk's file the one it rests on, with its format: QEMU guesses nothing."""
    ordered = [file for file in files if file.disk.boot_index is not None]
    ranks = {file.path: rank for rank, file in enumerate(sorted(ordered, key=lambda f: f.disk.boot_index or 0), 1)}
    taken = {file.disk.device for file in files if file.disk.role != "config"}
    for file in files:
        bus, target, kind = _place(file.disk, taken, host)
        disk = add(devices, "disk", type="file", device=kind)
        if kind == "cdrom":
            add(disk, "driver", name="qemu", type=file.format)
        else:
            add(disk, "driver", name="qemu", type=file.format, cache=host.cache, discard=host.discard)
        add(disk, "source", file=file.path)
        if file.path in backing:
            _add_backing(disk, *backing[file.path])
        add(disk, "target", dev=target, bus=bus)
        if kind == "cdrom" or file.disk.role == "config":
            add(disk, "readonly")
        if file.path in ranks:
            add(disk, "boot", order=ranks[file.path])
    if any(_place(file.disk, taken, host)[0] == "scsi" for file in files):
        add(devices, "controller", type="scsi", index=0, model=scsi_model or "virtio-scsi")


def _add_backing(disk: Element, path: Path, kind: str) -> None:
    """A base image is everybody's: it is read as it lies there, and never handed to QEMU's user."""
    store = add(disk, "backingStore", type="file")
    add(store, "format", type=kind)
    source = add(store, "source", file=path)
    add(source, "seclabel", model="dac", relabel="no")
    add(store, "backingStore")


def _place(disk: Disk, taken: set[str], host: Host) -> tuple[str, str, str]:
    """Bus, target and kind."""
    if disk.role == "config" and host.config_drive == "vfat":
        return "virtio", _free("vd", taken), "disk"
    if disk.role == "config" and disk.bus in ("sata", "ide"):
        # Kernels made for clouds have no driver for SATA or IDE, all have one for virtio.
        return "scsi", _free("sd", taken), "cdrom"
    return disk.bus, disk.device, disk.device_type


def _free(prefix: str, taken: set[str]) -> str:
    return next(name for letter in "abcdefghijklmnopqrstuvwxyz" if (name := prefix + letter) not in taken)
