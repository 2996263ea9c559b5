"""Uploads that do not end well: the image is queued again, and nothing of the data is left."""

import asyncio
import http.client
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from harness.images import OCTETS, Images, active, create, images, parts, quick_leases, served, upload
from unkai.image import reconcile, service
from unkai.image.blobs import FileStore, Stores
from unkai.image.settings import ImageFormat, ImageOptions
from unkai.kernel.errors import ClientGone
from unkai.kernel.store import StoreError

QCOW2 = b"QFI\xfb" + bytes.fromhex("00000003") + bytes(16) + (1 << 30).to_bytes(8, "big") + bytes(1 << 16)


async def queued(client: httpx2.AsyncClient, cloud: Images, image: dict[str, Any]) -> bool:
    """Whether all is as before the upload."""
    now = (await client.get(f"/v2/images/{image['id']}")).json()
    same = {key: now[key] for key in image if key != "updated_at"} == {
        key: image[key] for key in image if key != "updated_at"
    }
    return same and now["status"] == "queued" and cloud.blobs() == []


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
async def test_another_content_type_is_refused(cloud: Images, kind: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        headers = {"Content-Type": kind} if kind else {}
        answer = await client.put(image["file"], content=b"x", headers=headers)
        assert answer.status_code == 415
        assert "Invalid content type" in answer.json()["message"]
        assert await queued(client, cloud, image)


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({"disk_format": None}, "Property disk_format"),
        ({"container_format": None}, "Property container_format"),
        ({"disk_format": None, "container_format": None}, "Properties disk_format, container_format"),
    ],
)
async def test_formats_are_needed_first(cloud: Images, body: dict[str, Any], missing: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, **body)
        answer = await upload(client, image["id"], b"x")
        assert answer.status_code == 400
        assert f"{missing} must be set prior to saving data." in answer.json()["message"]
        assert await queued(client, cloud, image)


async def test_an_unknown_store_is_refused(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await upload(client, image["id"], b"x", **{"X-Image-Meta-Store": "ceph"})
        assert answer.status_code == 400
        assert "Store 'ceph' is not configured." in answer.json()["message"]
        assert await queued(client, cloud, image)
        assert (await upload(client, image["id"], b"x", **{"X-Image-Meta-Store": "file"})).status_code == 204


@pytest.mark.parametrize("size", ["5", "11"])
async def test_a_size_other_than_announced_is_refused(cloud: Images, size: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await upload(client, image["id"], parts(b"0123456789"), **{"X-Openstack-Image-Size": size})
        assert answer.status_code == 400
        assert f"Size mismatch: expected {size} bytes, got 10 bytes" in answer.json()["message"]
        assert await queued(client, cloud, image)


@pytest.mark.parametrize("size", ["-1", "ten", "1e3", "9" * 20])
async def test_a_size_that_is_no_number_is_refused(cloud: Images, size: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await upload(client, image["id"], parts(b"x"), **{"X-Openstack-Image-Size": size})
        assert answer.status_code == 400
        assert await queued(client, cloud, image)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Images]:
    """A service that takes 1 KiB per image and 1500 bytes per project."""
    with images(tmp_path, ImageOptions(image_size_cap=1024, user_storage_quota="1500B")) as built:
        yield built


@pytest.mark.parametrize("chunked", [True, False])
async def test_more_than_the_cap_is_refused(small: Images, chunked: bool) -> None:
    async with small.as_("member") as client:
        image = await create(client)
        answer = await upload(client, image["id"], parts(b"x" * 1000, b"x" * 25) if chunked else b"x" * 1025)
        assert answer.status_code == 413
        assert "The incoming image is too large" in answer.json()["message"]
        assert await queued(client, small, image)
        assert (await upload(client, image["id"], b"x" * 1024)).status_code == 204


@pytest.mark.parametrize("chunked", [True, False])
async def test_more_than_the_project_may_store_is_refused(small: Images, chunked: bool) -> None:
    async with small.as_("member") as client, small.as_("other") as other:
        first = await active(client, b"x" * 1000)
        image = await create(client)
        answer = await upload(client, image["id"], parts(b"x" * 501) if chunked else b"x" * 501)
        assert answer.status_code == 413
        assert "Image exceeds the storage quota: The size of the data 501" in answer.json()["message"]
        assert len(small.blobs()) == 1
        assert (await upload(client, image["id"], b"x" * 500)).status_code == 204
        third = await create(client)
        answer = await upload(client, third["id"], parts(b"x"))
        assert "0 bytes remaining" in answer.json()["message"]
        assert (await active(other, b"x" * 1000))["size"] == 1000, "another project has its own limit"
        assert (await client.delete(f"/v2/images/{first['id']}")).status_code == 204
        assert (await upload(client, third["id"], b"x")).status_code == 204


async def test_two_uploads_that_fit_alone_but_not_together(small: Images) -> None:
    """Neither announces a size, so only the registration can tell."""
    async with small.as_("member") as client:
        one, two = await create(client), await create(client)
        half = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"x" * 800
            await half.wait()

        slow = asyncio.create_task(upload(client, one["id"], slowly()))

        async def saving() -> bool:
            return bool((await client.get(f"/v2/images/{one['id']}")).json()["status"] == "saving")

        await until(saving)
        assert (await upload(client, two["id"], parts(b"x" * 800))).status_code == 204
        half.set()
        answer = await slow
        assert answer.status_code == 413
        assert "700 bytes remaining" in answer.json()["message"]
        assert (await client.get(f"/v2/images/{one['id']}")).json()["status"] == "queued"
        assert len(small.blobs()) == 1


async def test_data_of_another_format_is_refused_before_all_of_it_is_sent(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, disk_format="qcow2")
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            while sent < 1 << 30:
                sent += 1 << 18
                yield bytes(1 << 18)

        answer = await upload(client, image["id"], endless())
        assert answer.status_code == 415
        assert "Image disk_format qcow2 does not match stream data" in answer.json()["message"]
        assert sent < 8 << 20
        assert await queued(client, cloud, image)


async def test_a_backing_file_is_refused(cloud: Images) -> None:
    with_backing = QCOW2[:8] + (104).to_bytes(8, "big") + (11).to_bytes(4, "big") + QCOW2[20:104] + b"/etc/passwd"
    async with cloud.as_("member") as client:
        for formats in ({"disk_format": "qcow2"}, {"disk_format": "raw"}, {"container_format": "ovf"}):
            image = await create(client, **formats)
            answer = await upload(client, image["id"], with_backing + bytes(1000))
            assert answer.status_code == 415
            assert "Image failed safety checks: Image has a backing file" in answer.json()["message"]
            assert await queued(client, cloud, image)
        image = await create(client, disk_format="qcow2")
        assert (await upload(client, image["id"], QCOW2)).status_code == 204
        assert (await client.get(f"/v2/images/{image['id']}")).json()["virtual_size"] == 1 << 30


async def test_formats_need_not_match_when_the_operator_says_so_but_stay_safe(tmp_path: Path) -> None:
    with images(tmp_path, ImageFormat(require_image_format_match=False)) as cloud:
        async with cloud.as_("member") as client:
            assert (await active(client, b"no disk", disk_format="vdi"))["virtual_size"] is None
            assert (await active(client, b"no disk", disk_format="ami", container_format="bare"))["size"] == 7
            image = await create(client, disk_format="vdi")
            answer = await upload(client, image["id"], QCOW2[:8] + b"\1" * 8 + QCOW2[16:])
            assert answer.status_code == 415
            assert (await client.get(f"/v2/images/{image['id']}")).json()["status"] == "queued"


# ---- clients that go away --------------------------------------------------------------------------------


def half_an_upload(base: str, image_id: str, *, chunked: bool) -> socket.socket:
    """A client that has sent 3 MiB of more, over a real connection."""
    url = urlsplit(base)
    assert url.hostname is not None
    sock = socket.create_connection((url.hostname, url.port or 80))
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {1 << 30}"
    sock.sendall(
        f"PUT {url.path}/v2/images/{image_id}/file HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n"
        f"Content-Type: application/octet-stream\r\n{length}\r\n\r\n".encode()
    )
    for _ in range(3):
        sock.sendall((b"100000\r\n" if chunked else b"") + bytes(1 << 20) + (b"\r\n" if chunked else b""))
    return sock


async def until(found: Any, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not await found():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_client_that_is_cut_off_leaves_nothing(cloud: Images, chunked: bool) -> None:
    with served(cloud.app) as base:
        async with cloud.as_("member") as client:
            image = await create(client)
            sock = await asyncio.to_thread(half_an_upload, base, image["id"], chunked=chunked)

            async def saving() -> bool:
                status = (await client.get(f"/v2/images/{image['id']}")).json()["status"]
                return status == "saving" and sum(path.stat().st_size for path in cloud.blobs()) >= 1 << 20

            await until(saving)
            sock.close()
            await until(lambda: queued(client, cloud, image))
            assert (await upload(client, image["id"], b"now whole")).status_code == 204


async def test_a_body_shorter_than_announced_is_no_image(cloud: Images) -> None:
    with served(cloud.app) as base:
        async with cloud.as_("member") as client:
            image = await create(client)
            sock = await asyncio.to_thread(half_an_upload, base, image["id"], chunked=False)
            sock.shutdown(socket.SHUT_WR)
            await until(lambda: queued(client, cloud, image))
            sock.close()


async def test_a_client_that_sends_nothing_more_is_given_up(tmp_path: Path) -> None:
    with images(tmp_path, ImageOptions(client_socket_timeout=1)) as cloud, served(cloud.app) as base:
        async with cloud.as_("member") as client:
            image = await create(client)
            sock = await asyncio.to_thread(half_an_upload, base, image["id"], chunked=True)
            await until(lambda: queued(client, cloud, image))
            sock.close()


async def test_a_cancelled_request_leaves_nothing(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)

        async def never_ending() -> AsyncIterator[bytes]:
            yield bytes(2 << 20)
            await asyncio.Event().wait()

        data = service.store_data(cloud.kit, (await cloud.kit.authenticate("member")), image["id"], never_ending())
        task = asyncio.create_task(data)

        async def written() -> bool:
            return sum(path.stat().st_size for path in cloud.blobs()) > 0

        await until(written)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await queued(client, cloud, image)


@pytest.mark.parametrize("way", ["cancelled", "connection lost"])
async def test_data_that_was_registered_after_all_stays(
    cloud: Images, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit succeeded although nobody was told: taking it for a failure would take the data from an image."""
    run = cloud.kit.db.run

    async def unheard(work: Any, *args: Any) -> Any:
        result = await run(work, *args)
        if work is service.register_blob:
            raise asyncio.CancelledError if way == "cancelled" else StoreError("the connection is gone")
        return result

    async with cloud.as_("member") as client:
        image = await create(client)
        monkeypatch.setattr(cloud.kit.db, "run", unheard)
        caller = await cloud.kit.authenticate("member")
        with pytest.raises((asyncio.CancelledError, StoreError)):
            await service.store_data(cloud.kit, caller, image["id"], parts(b"registered"))
        monkeypatch.undo()
        assert (await client.get(f"/v2/images/{image['id']}")).json()["status"] == "active"
        assert (await client.get(image["file"])).content == b"registered"
        assert await reconcile.check(cloud.kit) == []


async def test_what_cannot_be_undone_now_is_undone_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database does not answer when the client goes away."""
    with images(tmp_path, quick_leases()) as cloud:
        run = cloud.kit.db.run

        async def silent(work: Any, *args: Any) -> Any:
            if work is service.abandon_upload:
                raise StoreError("the connection is gone")
            return await run(work, *args)

        async def cut() -> AsyncIterator[bytes]:
            yield bytes(2 << 20)
            raise ClientGone

        async with cloud.as_("member") as client:
            image = await create(client)
            monkeypatch.setattr(cloud.kit.db, "run", silent)
            with pytest.raises(ClientGone):
                await service.store_data(cloud.kit, await cloud.kit.authenticate("member"), image["id"], cut())
            monkeypatch.undo()
            assert (await client.get(f"/v2/images/{image['id']}")).json()["status"] == "saving"
            assert len(cloud.blobs()) == 1
            await asyncio.sleep(0.7)
            await reconcile.stale_uploads(cloud.kit, True)
            assert await queued(client, cloud, image)
            assert await reconcile.check(cloud.kit) == []


# ---- two at a time ---------------------------------------------------------------------------------------


async def test_a_second_upload_is_refused_and_the_first_goes_on(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        begun, more = asyncio.Event(), asyncio.Event()

        async def first() -> AsyncIterator[bytes]:
            yield b"first "
            begun.set()
            await more.wait()
            yield b"wins"

        running = asyncio.create_task(upload(client, image["id"], first()))
        await begun.wait()
        second = await upload(client, image["id"], b"second")
        assert second.status_code == 409
        assert "Image status transition from saving to saving is not allowed" in second.json()["message"]
        more.set()
        assert (await running).status_code == 204
        assert (await client.get(image["file"])).content == b"first wins"


@pytest.mark.parametrize("size", [10, 3 << 20])
async def test_an_image_deleted_during_its_upload(cloud: Images, size: int) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        begun, more = asyncio.Event(), asyncio.Event()

        async def data() -> AsyncIterator[bytes]:
            yield bytes(size)
            begun.set()
            await more.wait()
            yield bytes(size)

        running = asyncio.create_task(upload(client, image["id"], data()))
        await begun.wait()
        assert (await client.delete(f"/v2/images/{image['id']}")).status_code == 204
        more.set()
        answer = await running
        assert answer.status_code == 410
        assert f"Image {image['id']} could not be found after upload." in answer.json()["message"]
        assert cloud.blobs() == []
        assert await reconcile.check(cloud.kit) == []


# ---- stores that fail ------------------------------------------------------------------------------------


@pytest.fixture
def full_soon(tmp_path: Path) -> Iterator[Images]:
    """A store on a file system of 4 MiB."""
    folder = tmp_path / "store"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    try:
        with images(tmp_path) as cloud:
            yield cloud
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
@pytest.mark.parametrize("announced", [True, False])
async def test_a_full_disk(full_soon: Images, announced: bool) -> None:
    async with full_soon.as_("member") as client:
        small = await active(client, bytes(1 << 20))
        image = await create(client)
        data = bytes(6 << 20)
        answer = await upload(client, image["id"], data if announced else parts(data[:-5], data[-5:]))
        assert answer.status_code == 413
        assert "Image storage media is full" in answer.json()["message"]
        assert (await client.get(f"/v2/images/{image['id']}")).json()["status"] == "queued"
        assert len(full_soon.blobs()) == 1
        assert (await client.get(small["file"])).content == bytes(1 << 20)
        assert (await upload(client, image["id"], bytes(1 << 20))).status_code == 204


class BrokenStore(FileStore):
    """Fails in the way of `error` at `where`."""

    def __init__(self, folder: Path, error: OSError, where: str) -> None:
        super().__init__("file", folder)
        self._error = error
        self._where = where

    def open_writer(self, key: str) -> Any:
        if self._where == "open":
            raise self._error
        writer = super().open_writer(key)

        def fail(*_: object) -> None:
            raise self._error

        setattr(writer, self._where, fail)
        return writer


@pytest.mark.parametrize("where", ["open", "write", "publish"])
@pytest.mark.parametrize(("number", "status"), [(13, 503), (28, 413), (5, 500), (122, 413)])
async def test_a_store_that_fails_at_any_point(tmp_path: Path, where: str, number: int, status: int) -> None:
    with images(tmp_path) as cloud:
        broken = BrokenStore(cloud.folder, OSError(number, "broken"), where)
        cloud.kit.put(Stores, Stores([broken], "file"))
        async with cloud.as_("member") as client:
            image = await create(client)
            answer = await upload(client, image["id"], bytes(3 << 20))
            assert answer.status_code == status
            assert await queued(client, cloud, image)
            if status == 503:
                assert "Permission to write image storage media denied." in answer.json()["message"]


# ---- leases ----------------------------------------------------------------------------------------------


async def test_an_upload_keeps_its_lease_for_as_long_as_it_runs(tmp_path: Path) -> None:
    with images(tmp_path, quick_leases()) as cloud:
        keeping = [asyncio.create_task(task(cloud.kit)) for task in cloud.room.background]
        async with cloud.as_("member") as client:
            image = await create(client)

            async def slowly() -> AsyncIterator[bytes]:
                for _ in range(12):
                    yield b"x"
                    await asyncio.sleep(0.15)

            assert (await upload(client, image["id"], slowly())).status_code == 204
            assert (await client.get(image["file"])).content == b"x" * 12
        for task in keeping:
            task.cancel()


async def test_a_frozen_upload_that_wakes_after_its_lease_registers_nothing(tmp_path: Path) -> None:
    """The process did not renew; another took the right away and somebody else uploaded meanwhile."""
    with images(tmp_path, quick_leases()) as cloud:
        async with cloud.as_("member") as client:
            image = await create(client)
            begun, wake = asyncio.Event(), asyncio.Event()

            async def frozen() -> AsyncIterator[bytes]:
                yield bytes(2 << 20)
                begun.set()
                await wake.wait()
                yield b"late"

            late = asyncio.create_task(upload(client, image["id"], frozen()))
            await begun.wait()
            await asyncio.sleep(0.8)
            (drift,) = await reconcile.stale_uploads(cloud.kit, False)
            assert drift.image_id == image["id"]
            assert (await client.get(f"/v2/images/{image['id']}")).json()["status"] == "saving", "told, not done"
            assert await reconcile.stale_uploads(cloud.kit, True) == [drift]
            assert await queued(client, cloud, image)
            assert (await upload(client, image["id"], b"in time")).status_code == 204
            wake.set()
            assert (await late).status_code == 410
            assert (await client.get(image["file"])).content == b"in time"
            assert len(cloud.blobs()) == 1
            assert await reconcile.check(cloud.kit) == []


async def test_an_upload_that_lost_its_right_stops_taking_data(tmp_path: Path) -> None:
    with images(tmp_path, quick_leases()) as cloud:
        keeping = asyncio.create_task(reconcile.keep_leases(cloud.kit))
        async with cloud.as_("member") as client:
            image = await create(client)
            sent = 0

            async def endless() -> AsyncIterator[bytes]:
                nonlocal sent
                while sent < 500:
                    sent += 1
                    yield bytes(1 << 20)
                    await asyncio.sleep(0.02)

            running = asyncio.create_task(upload(client, image["id"], endless()))

            async def under_way() -> bool:
                return sent >= 3

            await until(under_way)
            assert (await client.delete(f"/v2/images/{image['id']}")).status_code == 204
            assert (await running).status_code == 410
            assert sent < 200
            assert cloud.blobs() == []
        keeping.cancel()


def test_expect_100_continue_is_answered_only_for_wanted_data(cloud: Images) -> None:
    """curl asks first: data that is refused anyway is never sent."""
    with served(cloud.app) as base:
        url = urlsplit(base)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
        headers = {**OCTETS, "X-Auth-Token": "member", "Content-Length": str(1 << 30), "Expect": "100-continue"}
        connection.putrequest("PUT", f"{url.path}/v2/images/00000000-0000-0000-0000-000000000000/file")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 404
        connection.close()
