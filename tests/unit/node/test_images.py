"""The cache of base images: checked, shared, never half there, never trusting what it fetched."""

import asyncio
import contextlib
import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness import servers
from unkai.contracts.guest import ImageRef
from unkai.kernel.clock import monotonic
from unkai.node.channel import Unknown, Unreachable
from unkai.node.errors import DiskFull, ImageCorrupt, ImageRefused, ImageUnacceptable, ImageUnavailable, StepFailed
from unkai.node.job import Aborted, Job
from unkai.node.storage.images import ImageCache

pytestmark = pytest.mark.libvirt  # qemu-img


class Store:
    """Images as the control plane serves them."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.breaks_after: int | None = None

    @contextlib.asynccontextmanager
    async def fetch(self, image_id: str, capability: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.fetched.append(image_id)
        if capability != "open":
            raise Unknown("403")
        yield self._pieces(self.data[image_id])

    async def _pieces(self, data: bytes) -> AsyncIterator[bytes]:
        for number, start in enumerate(range(0, len(data), 65536)):
            await self.gate.wait()
            if number == self.breaks_after:
                raise Unreachable("connection reset")
            yield data[start : start + 65536]

    def add(self, data: bytes, disk_format: str = "qcow2", **changes: Any) -> ImageRef:
        values = {
            "disk_format": disk_format,
            "size": len(data),
            "hash_value": hashlib.sha512(data).hexdigest(),
            "capability": "open",
            **changes,
        }
        ref = servers.image(**values)
        self.data[ref.image_id] = data
        return ref


@pytest.fixture
async def store() -> Store:
    return Store()


@pytest.fixture
def cache(tmp_path: Path, store: Store) -> ImageCache:
    return ImageCache(tmp_path / "_base", store.fetch)


def job() -> Job:
    return Job("step", "subject", 1, monotonic() + 60)


def qemu_img(*arguments: str) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, capture_output=True)


def qcow2(folder: Path, size: str = "3M", *options: str) -> bytes:
    path = folder / "made.qcow2"
    qemu_img("create", "-f", "qcow2", *options, str(path), size)
    if not options:
        subprocess.run(
            ["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 64k", str(path)], check=True, capture_output=True
        )
    return path.read_bytes()


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "_base").iterdir())


async def test_fetched_checked_converted_and_kept(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    ref = store.add(qcow2(tmp_path))
    base = await cache.get(job(), ref)
    assert base.path == tmp_path / "_base" / hashlib.sha1(ref.image_id.encode()).hexdigest()
    assert (base.format, base.size) == ("raw", 3 << 20)
    data = base.path.read_bytes()
    assert data[1 << 20 : (1 << 20) + 65536] == b"\x5a" * 65536
    assert base.path.stat().st_mode & 0o777 == 0o644
    assert left(tmp_path) == [base.path.name]

    again = await cache.get(job(), ref)
    assert again == base
    assert store.fetched == [ref.image_id]


async def test_raw_images_are_kept_as_they_are(cache: ImageCache, store: Store) -> None:
    data = os.urandom(200_000)
    base = await cache.get(job(), store.add(data, "raw"))
    assert base.path.read_bytes() == data


async def test_kept_as_stored_when_images_are_not_converted(store: Store, tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "_base", store.fetch, raw=False)
    data = qcow2(tmp_path)
    ref = store.add(data)
    base = await cache.get(job(), ref)
    assert (base.format, base.size, base.path.suffix) == ("qcow2", 3 << 20, ".qcow2")
    assert base.path.read_bytes() == data
    assert await cache.get(job(), ref) == base
    assert store.fetched == [ref.image_id]


async def test_parallel_wishes_share_one_download(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    store.gate.clear()
    ref = store.add(qcow2(tmp_path))
    jobs = [job() for _ in range(5)]
    waiting = [asyncio.create_task(cache.get(one, ref)) for one in jobs]
    await asyncio.sleep(0.05)
    jobs[0].abort()  # the one that began it goes; the others still want it
    with pytest.raises(Aborted):
        await waiting[0]
    store.gate.set()
    found = await asyncio.gather(*waiting[1:])
    assert len(set(found)) == 1
    assert store.fetched == [ref.image_id]


async def test_a_download_nobody_waits_for_ends(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    store.gate.clear()
    ref = store.add(qcow2(tmp_path))
    one = job()
    task = asyncio.create_task(cache.get(one, ref))
    await asyncio.sleep(0.05)
    one.abort()
    with pytest.raises(Aborted):
        await task
    assert left(tmp_path) == []
    store.gate.set()
    assert (await cache.get(job(), ref)).format == "raw"
    assert store.fetched == [ref.image_id] * 2


async def refused(cache: ImageCache, ref: ImageRef, tmp_path: Path, kind: type[StepFailed]) -> StepFailed:
    with pytest.raises(kind) as caught:
        await cache.get(job(), ref)
    assert left(tmp_path) == []
    assert str(tmp_path) not in caught.value.message
    return caught.value


async def test_a_wrong_checksum(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    ref = store.add(qcow2(tmp_path), hash_value="0" * 128)
    error = await refused(cache, ref, tmp_path, ImageCorrupt)
    assert "sha512" in error.message


async def test_more_bytes_than_promised(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    await refused(cache, store.add(os.urandom(300_000), "raw", size=1000), tmp_path, ImageCorrupt)


async def test_an_unknown_checksum_is_no_checksum(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    await refused(cache, store.add(b"x" * 1000, "raw", hash_algo="crc99"), tmp_path, ImageUnacceptable)


async def test_a_transfer_that_breaks_off(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    store.breaks_after = 2
    error = await refused(cache, store.add(os.urandom(400_000), "raw"), tmp_path, ImageUnavailable)
    assert error.elsewhere


async def test_a_capability_that_does_not_open_it(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    error = await refused(cache, store.add(b"x" * 1000, "raw", capability="other"), tmp_path, ImageRefused)
    assert not error.elsewhere


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-b", "/etc/passwd", "-F", "raw", "-u"], "not safe"),
        (["-o", "data_file=secret.raw,data_file_raw=on"], "not safe"),
    ],
)
async def test_an_image_that_names_other_files(
    cache: ImageCache, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = await refused(cache, store.add(qcow2(tmp_path, "1M", *options)), tmp_path, ImageUnacceptable)
    assert reason in error.message
    assert not error.elsewhere


@pytest.mark.parametrize("declared", ["raw", "vmdk", "iso", "ami"])
async def test_content_that_is_not_what_was_declared(
    cache: ImageCache, store: Store, tmp_path: Path, declared: str
) -> None:
    error = await refused(cache, store.add(qcow2(tmp_path), declared), tmp_path, ImageUnacceptable)
    assert "qcow2" in error.message
    assert declared in error.message


async def test_raw_bytes_declared_as_qcow2(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    await refused(cache, store.add(b"\0" * 100_000), tmp_path, ImageUnacceptable)


async def test_a_format_nobody_knows(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    await refused(cache, store.add(b"\0" * 1000, "ploop"), tmp_path, ImageUnacceptable)


async def test_a_damaged_qcow2(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    data = bytearray(qcow2(tmp_path))
    data[40:48] = b"\xff" * 8  # where its first table lies
    await refused(cache, store.add(bytes(data)), tmp_path, ImageUnacceptable)


async def test_a_full_disk(cache: ImageCache, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = open

    def full_disk(path: Any, *arguments: Any, **more: Any) -> Any:
        return usual("/dev/full", "wb", 0) if str(path).endswith(".stored") else usual(path, *arguments, **more)

    monkeypatch.setattr("builtins.open", full_disk)
    error = await refused(cache, store.add(os.urandom(300_000), "raw"), tmp_path, DiskFull)
    assert error.elsewhere


async def test_unused_images_go_and_unfinished_ones(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    kept, gone = (store.add(os.urandom(1000), "raw") for _ in range(2))
    for ref in kept, gone:
        os.utime((await cache.get(job(), ref)).path, (0, 0))
    (tmp_path / "_base" / ".part-0000.stored").write_bytes(b"half")
    await cache.prune([kept.image_id], None)
    assert len(left(tmp_path)) == 2
    await cache.prune([kept.image_id], 3600)
    assert left(tmp_path) == [hashlib.sha1(kept.image_id.encode()).hexdigest()]


async def test_using_an_image_keeps_it_young(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    ref = store.add(os.urandom(1000), "raw")
    os.utime((await cache.get(job(), ref)).path, (0, 0))
    await cache.get(job(), ref)
    await cache.prune([], 3600)
    assert len(left(tmp_path)) == 1


async def test_an_unconverted_image_goes_whole(store: Store, tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "_base", store.fetch, raw=False)
    ref = store.add(qcow2(tmp_path))
    base = await cache.get(job(), ref)
    os.utime(base.path.with_name(f"{base.path.name}.json"), (0, 0))
    await cache.prune([], 3600)
    assert await cache.get(job(), ref) == base
    os.utime(base.path, (0, 0))
    await cache.prune([], 3600)
    assert left(tmp_path) == []


async def test_progress_is_told(cache: ImageCache, store: Store, tmp_path: Path) -> None:
    store.gate.clear()
    ref = store.add(os.urandom(300_000), "raw")
    one = job()
    task = asyncio.create_task(cache.get(one, ref))
    await asyncio.wait_for(one.told.wait(), 5)
    assert (one.message, one.total) == ("fetching image", 300_000)
    store.gate.set()
    await task
