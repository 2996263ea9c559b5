"""The folder of a guest: made with everything its domain needs, found again, removed.

A folder carries the id of the host that made it, so that hosts which share instances_path leave each other's alone.
It appears under its name only with that mark in it.
"""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unkai.contracts.guest import Guest, GuestData
from unkai.kernel.ids import is_uuid
from unkai.node.job import Job, Undo
from unkai.node.metadata.source import Source
from unkai.node.metadata.tree import drive_files
from unkai.node.storage import configdrive, disks
from unkai.node.storage.disks import DiskFile, disk_files, translated
from unkai.node.storage.images import ImageCache

__all__ = ["Choices", "GuestFiles"]

_MARK = ".host"
Backing = dict[Path, tuple[Path, str]]


@dataclass(frozen=True, slots=True)
class Choices:
    """The operator's: kind of disks, whether they are reserved in full, how config drives are written."""

    images_type: str = "default"
    preallocate: bool = False
    drive_format: Literal["iso9660", "vfat"] = "iso9660"
    mkisofs: str | None = None
    skip_versions: str = ""
    vendor: Callable[[], dict[str, object]] = dict


class GuestFiles:
    """Folders under `instances`. Its verbs raise what the image cache raises, DiskFull, DiskFailed,
    FlavorDiskTooSmall, ConfigDriveFailed; job.Stopped."""

    def __init__(self, instances: Path, cache: ImageCache, host_id: str, choices: Choices) -> None:
        self._instances = instances
        self._cache = cache
        self._host_id = host_id
        self._choices = choices
        self._hidden = threading.Lock()  # hidden folders are half made, half removed, or nobody's any more

    def folder(self, server_id: str) -> Path:
        return self._instances / server_id

    def files(self, guest: Guest) -> list[DiskFile]:
        return disk_files(guest, self.folder(guest.server_id), self._choices.images_type)

    async def make(
        self,
        job: Job,
        guest: Guest,
        data: GuestData,
        owner: tuple[int, int] | None,
        undo: Undo | None = None,
    ) -> None:
        """Whatever is not there yet. `owner` is QEMU's user and group, who may write into the folder `run` only."""
        folder = self.folder(guest.server_id)
        job.check()
        with translated("the server's folder"):
            if await asyncio.to_thread(self._make_folder, folder, owner) and undo is not None:
                undo.push(self.remove, job, guest.server_id)
        choices = self._choices
        await disks.make(job, guest, folder, self._cache, choices.images_type, choices.preallocate)
        drive = folder / "disk.config"
        if any(disk.role == "config" for disk in guest.disks) and not await asyncio.to_thread(drive.exists):
            job.tell("making the config drive")
            source = Source(guest, data, choices.vendor(), drive=True)
            content = drive_files(source, choices.skip_versions)
            await configdrive.make(job, drive, content, choices.drive_format, choices.mkisofs)

    async def exists(self, server_id: str) -> bool:
        return await asyncio.to_thread(self.folder(server_id).exists)

    async def complete(self, guest: Guest) -> bool:
        """Whether every disk is there, so that the guest can start."""
        return await asyncio.to_thread(lambda: all(file.path.exists() for file in self.files(guest)))

    async def backing(self, guest: Guest) -> Backing:
        """For each overlay the base image it rests on. Missing ones are left out."""
        found: Backing = {}
        for file in self.files(guest):
            if file.format == "qcow2" and file.disk.image is not None:
                base = await self._cache.find(file.disk.image.image_id)
                if base is not None:
                    found[file.path] = (base.path, base.format)
        return found

    async def fetch_bases(self, job: Job, guest: Guest) -> None:
        """Base images that are gone although a disk rests on them are fetched again."""
        for file in self.files(guest):
            if file.format == "qcow2" and file.disk.image is not None:
                await self._cache.get(job, file.disk.image)

    async def remove(self, job: Job, server_id: str) -> None:
        """Succeeds when nothing is there, or only what another host made."""
        folder = self.folder(server_id)
        job.check()
        with translated("the server's folder"):
            await asyncio.to_thread(self._remove_folder, folder)

    def servers(self) -> set[str]:
        """Those with a folder of this host's making. Blocks."""
        return {path.name for path in _subfolders(self._instances) if is_uuid(path.name) and self._is_mine(path)}

    def tidy(self) -> None:
        """Folders that were never finished, or not removed to the end. Blocks."""
        with self._hidden:
            for path in _subfolders(self._instances):
                if path.name.startswith(f".{self._host_id}-"):
                    shutil.rmtree(path, ignore_errors=True)

    def _is_mine(self, folder: Path) -> bool:
        try:
            return (folder / _MARK).read_text() == self._host_id
        except FileNotFoundError:
            return False

    def _hide(self, folder: Path) -> Path:
        hidden = folder.with_name(f".{self._host_id}-{folder.name}")
        shutil.rmtree(hidden, ignore_errors=True)
        return hidden

    def _make_folder(self, folder: Path, owner: tuple[int, int] | None) -> bool:
        """True when it was not there."""
        if folder.exists():
            return False
        self._instances.mkdir(parents=True, exist_ok=True)
        self._instances.chmod(0o711)
        with self._hidden:
            fresh = self._hide(folder)
            fresh.mkdir()
            (fresh / _MARK).write_text(self._host_id)
            (fresh / "run").mkdir(mode=0o700)
            if owner is not None and os.geteuid() == 0:
                os.chown(fresh / "run", *owner)
                # QEMU's group passes through, nobody else.
                os.chown(fresh, 0, owner[1])
                fresh.chmod(0o710)
            else:
                fresh.chmod(0o711)
            fresh.replace(folder)
        return True

    def _remove_folder(self, folder: Path) -> None:
        """First out of sight, so that an agent killed here leaves no half of a guest."""
        if not self._is_mine(folder):
            return
        with self._hidden:
            hidden = self._hide(folder)
            folder.replace(hidden)
            shutil.rmtree(hidden)


def _subfolders(folder: Path) -> Iterable[Path]:
    found: Sequence[Path] = []
    if folder.is_dir():
        found = [path for path in folder.iterdir() if path.is_dir()]
    return found
