"""Base images on this host: fetched once, checked while they are written, shared by the disks that rest on them.

    <instances_path>/_base/<sha1 of the image id>          raw (force_raw_images), as upstream
    <instances_path>/_base/<sha1 of the image id>.qcow2    as stored, when images are not converted
    <instances_path>/_base/.part-...                       being made

The name says the format, so that a later start never has to guess it from the content, which users control.
STO-002, STO-003
"""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unkai.contracts.guest import ImageRef
from unkai.kernel.log import get
from unkai.node.channel import Refused, Unknown, Unreachable
from unkai.node.errors import DiskFailed, DiskFull, ImageCorrupt, ImageRefused, ImageUnacceptable, ImageUnavailable
from unkai.node.job import Job
from unkai.node.storage import tool
from unkai.node.storage.inspection import inspect

__all__ = ["BaseImage", "Fetch", "ImageCache"]

_log = get(__name__)
Fetch = Callable[[str, str], AbstractAsyncContextManager[AsyncIterator[bytes]]]
_PART = ".part-"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A file that is never written again. `format` is QEMU's name for it, `size` what a guest sees."""

    path: Path
    format: str
    size: int


@dataclass(slots=True)
class _Making:
    """One download that several guests may wait for. It ends early only when nobody waits any more."""

    task: asyncio.Task[BaseImage]
    waiting: int = 0
    done: int = 0
    total: int = 0


class ImageCache:
    """`fetch(image_id, capability)` opens the stored bytes."""

    def __init__(self, base: Path, fetch: Fetch, *, raw: bool = True) -> None:
        self._base = base
        self._fetch = fetch
        self._raw = raw
        self._making: dict[str, _Making] = {}

    async def get(self, job: Job, ref: ImageRef) -> BaseImage:
        """The base image of `ref`, made first if it is not here.

        Raises ImageUnavailable, ImageRefused, ImageCorrupt, ImageUnacceptable, DiskFull, DiskFailed; job.Stopped.
        """
        found = await self.find(ref.image_id)
        while found is None:
            making = self._making.get(ref.image_id)
            if making is None:
                job.check()
                making = self._begin(ref)
            making.waiting += 1
            try:
                found = await job.wait(self._follow(job, making))
            finally:
                making.waiting -= 1
                if not making.waiting and not making.task.done():
                    making.task.cancel()
                    await asyncio.wait({making.task})
        with contextlib.suppress(OSError):
            os.utime(found.path)  # when it was last used
        return found

    async def prune(self, used: Collection[str], age: float | None) -> None:
        """Remove unfinished files nobody works on and, if `age` is given, base images of other ids than `used` that
        were not used for `age` seconds."""
        keep = {_key(image_id) for image_id in used} | {_key(image_id) for image_id in self._making}
        await asyncio.to_thread(self._sweep, keep, age)

    def _sweep(self, keep: Collection[str], age: float | None) -> None:
        whole: dict[str, list[Path]] = {}
        for path in sorted(self._base.glob("*")):
            key = path.name.removeprefix(_PART).split(".")[0]
            if key in keep:
                continue
            if path.name.startswith(_PART):
                path.unlink(missing_ok=True)
            else:
                whole.setdefault(key, []).append(path)
        for key, paths in whole.items():
            if age is not None and time.time() - max(path.stat().st_mtime for path in paths) > age:
                _log.info("base image removed", name=key)
                for path in paths:
                    path.unlink(missing_ok=True)

    # ---- finding ----

    async def find(self, image_id: str) -> BaseImage | None:
        return await asyncio.to_thread(self._look, image_id)

    def _look(self, image_id: str) -> BaseImage | None:
        plain = self._base / _key(image_id)
        if plain.exists():
            return BaseImage(plain, "raw", plain.stat().st_size)
        for path in self._base.glob(f"{plain.name}.*"):
            if path.suffix != ".json":
                size = json.loads(path.with_name(f"{path.name}.json").read_bytes())["size"]
                return BaseImage(path, path.suffix[1:], size)
        return None

    # ---- making ----

    def _begin(self, ref: ImageRef) -> _Making:
        task = asyncio.create_task(self._make(ref), name=f"image {ref.image_id}")
        making = self._making[ref.image_id] = _Making(task, total=ref.size)

        def forget(done: asyncio.Task[BaseImage]) -> None:
            self._making.pop(ref.image_id, None)
            if not done.cancelled():
                done.exception()  # looked at: those who wait see it, and there may be none

        task.add_done_callback(forget)
        return making

    async def _follow(self, job: Job, making: _Making) -> BaseImage | None:
        """None when the one that was followed ended with its other waiters: look again."""
        while not making.task.done():
            job.tell("fetching image", making.done, making.total)
            await asyncio.wait({making.task}, timeout=1.0)
        return None if making.task.cancelled() else making.task.result()

    async def _make(self, ref: ImageRef) -> BaseImage:
        part = self._base / f"{_PART}{_key(ref.image_id)}.stored"
        converted = self._base / f"{_PART}{_key(ref.image_id)}.raw"
        self._base.mkdir(parents=True, exist_ok=True)
        try:
            await self._download(ref, part)
            kind = await asyncio.to_thread(inspect, part, ref.image_id, ref.disk_format)
            size = await _virtual_size(part, kind, ref.image_id)
            if self._raw and kind != "raw":
                await _convert(part, kind, converted, size, ref)
                part.unlink()
                part, kind = converted, "raw"
            return await asyncio.to_thread(self._publish, part, kind, size, ref.image_id)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(what="the image", details=str(error)) from error
            raise DiskFailed(reason="the image could not be written", details=str(error)) from error
        finally:
            part.unlink(missing_ok=True)
            converted.unlink(missing_ok=True)

    async def _download(self, ref: ImageRef, part: Path) -> None:
        digest = _digest(ref)
        making = self._making[ref.image_id]
        stream = await asyncio.to_thread(open, part, "wb")

        def keep(piece: bytes) -> None:
            stream.write(piece)
            digest.update(piece)

        with stream:
            try:
                async with self._fetch(ref.image_id, ref.capability) as pieces:
                    async for piece in pieces:
                        making.done += len(piece)
                        if ref.size and making.done > ref.size:
                            raise ImageCorrupt(image_id=ref.image_id, algorithm=ref.hash_algo)
                        await asyncio.to_thread(keep, piece)
            except Unreachable as error:
                raise ImageUnavailable(
                    image_id=ref.image_id, reason="the transfer broke off", details=str(error)
                ) from error
            except (Unknown, Refused) as error:
                raise ImageRefused(image_id=ref.image_id, details=str(error)) from error
            await asyncio.to_thread(_sync, stream)
        if ref.hash_value and digest.hexdigest() != ref.hash_value:
            raise ImageCorrupt(image_id=ref.image_id, algorithm=ref.hash_algo)

    def _publish(self, part: Path, kind: str, size: int, image_id: str) -> BaseImage:
        part.chmod(0o644)
        final = self._base / (_key(image_id) if kind == "raw" else f"{_key(image_id)}.{kind}")
        if kind != "raw":
            # Written before the image appears; what a qcow2 header says of its size is not asked twice.
            final.with_name(f"{final.name}.json").write_text(json.dumps({"size": size}))
        part.replace(final)
        descriptor = os.open(self._base, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return BaseImage(final, kind, size if kind != "raw" else final.stat().st_size)


def _key(image_id: str) -> str:
    # Upstream's name for the file; not a safeguard of anything.
    return hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()


def _digest(ref: ImageRef) -> Any:
    try:
        return hashlib.new(ref.hash_algo or "sha512")
    except ValueError:
        raise ImageUnacceptable(
            image_id=ref.image_id, reason=f"its checksum's algorithm {ref.hash_algo} is unknown"
        ) from None


def _sync(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())


async def _virtual_size(path: Path, kind: str, image_id: str) -> int:
    """What the guest sees, in bytes. The inspector has passed the file, the format is told and not asked."""
    if kind == "raw":
        return (await asyncio.to_thread(path.stat)).st_size
    try:
        text = await tool.run(["qemu-img", "info", "--output=json", "-f", kind, str(path)], limits=tool.IMAGE_LIMITS)
        found = json.loads(text)
    except (tool.ToolFailed, ValueError) as error:
        raise ImageUnacceptable(image_id=image_id, reason="qemu-img cannot read it", details=str(error)) from error
    if "backing-filename" in found or "data-file" in found.get("format-specific", {}).get("data", {}):
        raise ImageUnacceptable(image_id=image_id, reason="it refers to another file")
    return int(found["virtual-size"])


async def _convert(source: Path, kind: str, target: Path, size: int, ref: ImageRef) -> None:
    room = os.statvfs(target.parent)
    if ref.size > room.f_bavail * room.f_frsize:
        raise DiskFull(what="the image")
    command = ["qemu-img", "convert", "-f", kind, "-O", "raw", "-t", "none", "-T", "none", str(source), str(target)]
    if not await asyncio.to_thread(direct_io, target.parent):
        command = [part for part in command if part not in ("-t", "-T", "none")]
    # A gibibyte takes some seconds; a minute of CPU for each is far beyond that.
    seconds = 60 + 60 * (size >> 30)
    try:
        await tool.run(command, timeout=2.0 * seconds, limits=(2 << 30, seconds))
    except tool.ToolFailed as error:
        if "No space left" in str(error):
            raise DiskFull(what="the image", details=str(error)) from error
        raise ImageUnacceptable(image_id=ref.image_id, reason="it cannot be converted", details=str(error)) from error
    await asyncio.to_thread(_sync_file, target)


def _sync_file(path: Path) -> None:
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())


def direct_io(folder: Path) -> bool:
    """Whether files in this folder can bypass the page cache (tmpfs cannot)."""
    probe = folder / f"{_PART}direct-{os.getpid()}"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_DIRECT, 0o600)
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    os.close(descriptor)
    return True
