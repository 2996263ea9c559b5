"""Config drives: a small file system labelled config-2 with the guest's documents. CD-001 to CD-005"""

import asyncio
import io
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pycdlib

import unkai
from unkai.node.errors import ConfigDriveFailed, DiskFull
from unkai.node.job import Job
from unkai.node.storage import tool

__all__ = ["make"]

LABEL = "config-2"
_VFAT_SIZE = 64 << 20


async def make(
    job: Job,
    path: Path,
    files: Iterable[tuple[str, bytes]],
    kind: Literal["iso9660", "vfat"] = "iso9660",
    mkisofs: str | None = None,
) -> None:
    """Write the drive, complete or not at all. Raises ConfigDriveFailed, DiskFull; job.Stopped."""
    part = path.with_name(f".{path.name}.part")
    content = dict(files)
    job.check()
    try:
        part.unlink(missing_ok=True)
        # It holds the administrator's password: for nobody but those who are given the file.
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))
        if kind == "vfat":
            await _vfat(job, part, content)
        elif mkisofs is not None:
            await _mkisofs(job, part, content, mkisofs)
        else:
            await asyncio.to_thread(_iso9660, part, content)
        job.check()
        part.replace(path)
    except tool.ToolFailed as error:
        raise ConfigDriveFailed(reason=_for_users(error), details=str(error)) from error
    except OSError as error:
        raise DiskFull(what="the config drive", details=str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _for_users(error: tool.ToolFailed) -> str:
    return "a program for it is not installed on the host" if isinstance(error, tool.ToolMissing) else "it failed"


def _iso9660(path: Path, content: dict[str, bytes]) -> None:
    """Names in the primary tree are numbers; the real ones are Rock Ridge's (Linux) and Joliet's (Windows)."""
    image = pycdlib.PyCdlib()
    image.new(
        interchange_level=3,
        joliet=3,
        rock_ridge="1.09",
        vol_ident=LABEL,
        pub_ident_str=f"OPENSTACK COMPUTE, UNKAI {unkai.__version__}",
    )
    try:
        folders = {"": ""}
        for number, folder in enumerate(_folders(content), 1):
            parent, _, name = folder.rpartition("/")
            folders[folder] = f"{folders[parent]}/D{number}"
            image.add_directory(folders[folder], rr_name=name, joliet_path=f"/{folder}")
        for number, (file, data) in enumerate(content.items()):
            parent, _, name = file.rpartition("/")
            inside = f"{folders[parent]}/F{number}.;1"
            image.add_fp(io.BytesIO(data), len(data), inside, rr_name=name, joliet_path=f"/{file}")
        with open(path, "wb") as stream:
            image.write_fp(stream)
    finally:
        image.close()


def _folders(content: dict[str, bytes]) -> list[str]:
    """Every folder, parents first."""
    found = {str(parent) for file in content for parent in Path(file).parents}
    return sorted(found - {"."})


async def _mkisofs(job: Job, path: Path, content: dict[str, bytes], program: str) -> None:
    with tempfile.TemporaryDirectory(prefix="unkai-drive-", dir=path.parent) as folder:
        await asyncio.to_thread(_lay_out, Path(folder), content)
        options = ["-ldots", "-allow-lowercase", "-allow-multidot", "-l", "-quiet", "-J", "-r", "-V", LABEL]
        publisher = f"OpenStack Compute, Unkai {unkai.__version__}"
        await job.wait(tool.run([program, "-o", str(path), *options, "-publisher", publisher, folder]))


async def _vfat(job: Job, path: Path, content: dict[str, bytes]) -> None:
    """Without mounting it: mtools write into the file system's file."""
    os.truncate(path, _VFAT_SIZE)
    await job.wait(tool.run(["mkfs.vfat", "-n", LABEL, str(path)]))
    with tempfile.TemporaryDirectory(prefix="unkai-drive-", dir=path.parent) as folder:
        await asyncio.to_thread(_lay_out, Path(folder), content)
        tops = sorted({str(Path(folder, file.partition("/")[0])) for file in content})
        await job.wait(tool.run(["mcopy", "-s", "-Q", "-i", str(path), *tops, "::/"]))


def _lay_out(folder: Path, content: dict[str, bytes]) -> None:
    for file, data in content.items():
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
