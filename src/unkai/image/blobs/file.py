"""Images' data as files: `<folder>/<first two letters>/<key>`, written beside in `<folder>/partial`.

What is published has been fsynced before its name appears, and its folder after, so a power cut leaves either the
whole file or none.
"""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unkai.image.blobs.contract import BlobMissing, BlobReader, BlobWriter

_PARTIAL = "partial"


class FileStore:
    """Folders are made at first use: a process that only reads the configuration writes nothing."""

    kind = "file"

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def room(self) -> int:
        self._make(self._folder)
        return shutil.disk_usage(self._folder).free

    def open_writer(self, key: str) -> BlobWriter:
        self._make(self._folder / _PARTIAL)
        return _FileWriter(self._partial(key), self._path(key))

    def open_reader(self, key: str, offset: int = 0) -> BlobReader:
        try:
            reader = io.FileIO(self._path(key))
        except FileNotFoundError as error:
            raise BlobMissing(key) from error
        reader.seek(offset)
        return reader

    def size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(key) from error

    def remove(self, key: str) -> None:
        self._partial(key).unlink(missing_ok=True)
        self._path(key).unlink(missing_ok=True)

    def keys(self) -> Iterator[str]:
        if not self._folder.is_dir():
            return
        for shard in os.scandir(self._folder):
            if shard.is_dir(follow_symlinks=False):
                for entry in os.scandir(shard.path):
                    yield entry.name

    def url(self, key: str) -> str:
        return self._path(key).absolute().as_uri()

    def details(self) -> dict[str, Any]:
        return {"data_dir": str(self._folder), "chunk_size": 1 << 20, "thin_provisioning": False}

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _partial(self, key: str) -> Path:
        return self._folder / _PARTIAL / key

    @staticmethod
    def _make(folder: Path) -> None:
        # Other users of the machine have no business in the images of a cloud.
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)


class _FileWriter:
    def __init__(self, partial: Path, final: Path) -> None:
        self._partial = partial
        self._final = final
        self._fd: int | None = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def write(self, data: bytes) -> None:
        assert self._fd is not None
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def publish(self) -> None:
        assert self._fd is not None
        os.fsync(self._fd)
        self.close()
        shard = self._final.parent
        fresh = not shard.is_dir()
        shard.mkdir(mode=0o750, exist_ok=True)
        os.rename(self._partial, self._final)
        _sync(shard)
        if fresh:
            _sync(shard.parent)

    def discard(self) -> None:
        self.close()
        self._partial.unlink(missing_ok=True)
        self._final.unlink(missing_ok=True)

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
