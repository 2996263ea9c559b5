"""A guest's own disks, made once and found again: whatever exists under its final name is complete.

<instances_path>/<server id>/disk         root: a qcow2 overlay on the base image, or a raw copy of it
<instances_path>/<server id>/disk.eph0    ephemeral disks, disk.swap, disk.config
<instances_path>/<server id>/kernel       and ramdisk, of images that name theirs
"""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from unkai.contracts.guest import Disk, Guest
from unkai.node.errors import DiskFailed, DiskFull, FlavorDiskTooSmall
from unkai.node.job import Job
from unkai.node.storage import tool
from unkai.node.storage.images import BaseImage, ImageCache

__all__ = ["DiskFile", "disk_files", "make", "translated"]

_MKFS = {
    "ext2": ["mkfs.ext2", "-F", "-q", "-L"],
    "ext3": ["mkfs.ext3", "-F", "-q", "-L"],
    "ext4": ["mkfs.ext4", "-F", "-q", "-L"],
    "xfs": ["mkfs.xfs", "-f", "-q", "-L"],
    "vfat": ["mkfs.vfat", "-n"],
    "ntfs": ["mkntfs", "--force", "--fast", "-L"],
}


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A disk and the file it lives in. `format` is QEMU's name."""

    disk: Disk
    path: Path
    format: str


def disk_files(guest: Guest, folder: Path, images_type: str) -> list[DiskFile]:
    """Which file each disk of the guest has. Nothing is looked at."""
    overlay = "raw" if images_type in ("raw", "flat") else "qcow2"
    files: list[DiskFile] = []
    ephemeral = 0
    for disk in guest.disks:
        if disk.role == "root":
            # Installation media have no writable layer of their own to keep apart.
            plain = disk.device_type == "cdrom"
            files.append(DiskFile(disk, folder / "disk", "raw" if plain else overlay))
        elif disk.role == "ephemeral":
            files.append(DiskFile(disk, folder / f"disk.eph{ephemeral}", "raw"))
            ephemeral += 1
        elif disk.role == "swap":
            files.append(DiskFile(disk, folder / "disk.swap", "raw"))
        else:
            files.append(DiskFile(disk, folder / "disk.config", "raw"))
    return files


async def make(job: Job, guest: Guest, folder: Path, cache: ImageCache, images_type: str, preallocate: bool) -> None:
    """Make the disks that are not there yet (config drives are not made here). The folder must exist.

    Raises StepFailed's of the image cache, FlavorDiskTooSmall, DiskFull, DiskFailed; job.Stopped.
    """
    for name, ref in ("kernel", guest.hardware.kernel), ("ramdisk", guest.hardware.ramdisk):
        if ref is not None and not (folder / name).exists():
            base = await cache.get(job, ref)
            async with _fresh(job, folder / name) as part:
                await asyncio.to_thread(shutil.copyfile, base.path, part)
    for file in disk_files(guest, folder, images_type):
        if file.disk.role == "config" or file.path.exists():
            continue
        if file.disk.image is not None:
            base = await cache.get(job, file.disk.image)
            if 0 < file.disk.size < base.size:
                raise FlavorDiskTooSmall(flavor_size=file.disk.size, image_size=base.size)
            job.tell(f"making {file.path.name}")
            await _from_image(job, file, base, preallocate)
        else:
            job.tell(f"making {file.path.name}")
            await _blank(job, file, preallocate)


async def _from_image(job: Job, file: DiskFile, base: BaseImage, preallocate: bool) -> None:
    # A flavor without a root disk size takes the image's.
    size = max(file.disk.size, base.size)
    async with _fresh(job, file.path) as part:
        if file.format == "qcow2":
            command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base.path), "-F", base.format]
            if preallocate:
                command += ["-o", "preallocation=falloc"]
            await job.wait(tool.run([*command, str(part), str(size)], limits=tool.IMAGE_LIMITS))
            return
        command = ["qemu-img", "convert", "-f", base.format, "-O", "raw", str(base.path), str(part)]
        await job.wait(tool.run(command, timeout=3600.0))
        if file.disk.device_type == "disk":
            _size(part, size, preallocate)


async def _blank(job: Job, file: DiskFile, preallocate: bool) -> None:
    disk = file.disk
    async with _fresh(job, file.path) as part:
        part.touch()
        _size(part, disk.size, preallocate)
        if disk.role == "swap" or disk.format == "swap":
            await job.wait(tool.run(["mkswap", str(part)]))
        elif disk.format is not None:
            command = _MKFS.get(disk.format)
            if command is None:
                raise DiskFailed(reason=f"file system {disk.format} is not known here")
            await job.wait(tool.run([*command, disk.label or "ephemeral0", str(part)], timeout=600.0))


def _size(path: Path, size: int, preallocate: bool) -> None:
    with open(path, "r+b") as stream:
        stream.truncate(size)
        if preallocate:
            os.posix_fallocate(stream.fileno(), 0, size)


@asynccontextmanager
async def _fresh(job: Job, final: Path) -> AsyncIterator[Path]:
    """A name to write under; the file gets its own name when it is complete, and is removed when it is not."""
    part = final.with_name(f".{final.name}.part")
    job.check()
    part.unlink(missing_ok=True)
    with translated(final.name):
        try:
            yield part
            job.check()
            part.chmod(0o600)  # libvirt hands it to QEMU's user
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Failures of files and programs as steps report them."""
    try:
        yield
    except tool.ToolFailed as error:
        if "No space left" in str(error):
            raise DiskFull(what=what, details=str(error)) from error
        raise DiskFailed(reason=f"{what} could not be written", details=str(error)) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(what=what, details=str(error)) from error
        raise DiskFailed(reason=f"{what} could not be written", details=str(error)) from error
