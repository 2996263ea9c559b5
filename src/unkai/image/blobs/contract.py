"""What a store of images' data does. Its verbs block: they run through `Stores.call`, never on the event loop.

A key is the id of the upload that wrote the data. It is never written twice, so data never changes under a reader,
and two uploads never meet in a store.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class BlobMissing(Exception):
    """The store has no data under this key."""


class BlobWriter(Protocol):
    """Data on its way in: invisible until `publish`."""

    def write(self, data: bytes) -> None:
        """Raises OSError."""

    def publish(self) -> None:
        """Make what was written durable and readable under its key, at once or not at all. Raises OSError."""

    def discard(self) -> None:
        """Leave nothing behind, published or not. May be called again."""

    def close(self) -> None:
        """Let go of what is open; the data stays as it is. May be called again."""


class BlobReader(Protocol):
    """Data on its way out: stays readable to its end even when it is removed meanwhile."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end. Raises OSError."""

    def close(self) -> None: ...


class BlobStore(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """Upstream's name of this type of store: file, rbd..."""

    def room(self) -> int:
        """Bytes that are free. Raises OSError."""

    def open_writer(self, key: str) -> BlobWriter:
        """Raises OSError."""

    def open_reader(self, key: str, offset: int = 0) -> BlobReader:
        """Raises BlobMissing, OSError."""

    def size(self, key: str) -> int:
        """Raises BlobMissing, OSError."""

    def remove(self, key: str) -> None:
        """Remove whatever is under the key, whole or half written. Nothing there is no error. Raises OSError."""

    def keys(self) -> Iterator[str]:
        """All keys, of half-written data too. Raises OSError."""

    def url(self, key: str) -> str:
        """Where the data is, for services that are told (the locations API)."""

    def details(self) -> dict[str, Any]:
        """What administrators see of the configuration."""


class Stores:
    """The stores of this process, and the threads that read, write and hash."""

    def __init__(self, stores: Iterable[BlobStore], default: str, threads: int = 8) -> None:
        self._by_name = {store.name: store for store in stores}
        self.default = default
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="image-data")
        if default not in self._by_name:
            raise ValueError(f"[glance_store] default_backend: there is no store {default!r}")

    def get(self, name: str) -> BlobStore:
        """Raises KeyError."""
        return self._by_name[name]

    def call(self, work: Callable[..., T], *args: object) -> asyncio.Future[T]:
        """Do blocking work on a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def names(self) -> list[str]:
        return sorted(self._by_name)
