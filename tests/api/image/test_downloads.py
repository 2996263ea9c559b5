"""Downloads against the world: images deleted under them, clients that leave, memory that must not grow."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from api.image.test_uploads import until
from harness.images import Images, active, create, parts, served, upload
from unkai.image import service
from unkai.image.blobs import FileStore, Stores
from unkai.image.errors import HasNoData, ImageNotFound


async def test_an_image_deleted_while_it_is_downloaded_comes_whole(cloud: Images) -> None:
    data = os.urandom(6 << 20)
    with served(cloud.app) as base:
        async with cloud.as_("member") as client, httpx2.AsyncClient(base_url=base, timeout=30) as real:
            image = await active(client, data)
            async with real.stream("GET", image["file"], headers={"X-Auth-Token": "member"}) as answer:
                chunks = answer.aiter_bytes()
                got = await anext(chunks)
                assert (await client.delete(f"/v2/images/{image['id']}")).status_code == 204
                assert cloud.blobs() == []
                async for chunk in chunks:
                    got += chunk
            assert got == data


class CountingStore(FileStore):
    """Counts what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__("file", folder)
        self.read = 0
        self.open = 0

    def open_reader(self, key: str, offset: int = 0) -> "CountingReader":
        self.open += 1
        return CountingReader(self, super().open_reader(key, offset))


class CountingReader:
    def __init__(self, store: CountingStore, reader: object) -> None:
        self._store = store
        self._reader = reader

    def read(self, size: int) -> bytes:
        data: bytes = self._reader.read(size)  # type: ignore[attr-defined]
        self._store.read += len(data)
        return data

    def close(self) -> None:
        self._store.open -= 1
        self._reader.close()  # type: ignore[attr-defined]


async def test_a_client_that_leaves_is_read_for_no_more(cloud: Images) -> None:
    counting = CountingStore(cloud.folder)
    cloud.kit.put(Stores, Stores([counting], "file"))
    with served(cloud.app) as base:
        async with cloud.as_("member") as client:
            image = await active(client, bytes(64 << 20))
            url = urlsplit(base)

            def leave() -> None:
                with socket.create_connection((url.hostname or "", url.port or 80)) as sock:
                    request = f"GET {url.path}{image['file']} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: member\r\n\r\n"
                    sock.sendall(request.encode())
                    sock.recv(1 << 16)

            await asyncio.to_thread(leave)

            async def closed() -> bool:
                return counting.open == 0

            await until(closed)
            assert counting.read < 32 << 20


async def test_other_rooms_read_data_without_a_caller(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, bytes(range(200)) * 10_000, visibility="private")
        whole = [part async for part in service.read_blob(cloud.kit, image["id"])]
        assert b"".join(whole) == bytes(range(200)) * 10_000
        assert max(map(len, whole)) == 1 << 20
        piece = [part async for part in service.read_blob(cloud.kit, image["id"], 199, 3)]
        assert b"".join(piece) == bytes([199, 0, 1])
        blob = cloud.kit.db.read_now(service.data_location, image["id"])
        assert (blob.image_id, blob.store, blob.size) == (image["id"], "file", 2_000_000)
        queued = await create(client)
        for image_id, error in ((queued["id"], HasNoData), ("nothing", ImageNotFound)):
            try:
                await anext(service.read_blob(cloud.kit, image_id))
            except error:
                continue
            raise AssertionError(f"no {error.__name__}")


_MEASURE = """
import asyncio, resource, sys
from pathlib import Path
from harness import images

async def main(folder, mib):
    with images.images(Path(folder)) as cloud:
        async with cloud.as_("member") as client:
            await images.active(client, b"warm" * (1 << 19))
            image = await images.create(client)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            async def zeros():
                block = bytes(1 << 16)
                for _ in range(mib * 16):
                    yield block
            assert (await images.upload(client, image["id"], zeros())).status_code == 204
            total = 0
            # The in-process client gathers a whole answer: read from the service itself.
            from unkai.image import service
            async for part in service.read_blob(cloud.kit, image["id"]):
                total += len(part)
            assert total == mib << 20
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_memory_does_not_grow_with_the_image(tmp_path: Path) -> None:
    """256 MiB in and out within 32 MiB more than what a small image needs."""
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", _MEASURE, str(tmp_path), "256"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout.splitlines()[-1])
    assert grown < 32 * 1024, f"{grown} KiB"


async def test_uploads_and_downloads_at_once_do_not_mix(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        contents = [os.urandom(1_300_000 + number) for number in range(12)]
        queued = [await create(client) for _ in contents]
        uploads = [upload(client, i["id"], parts(c)) for i, c in zip(queued, contents, strict=True)]
        assert {answer.status_code for answer in await asyncio.gather(*uploads)} == {204}
        answers = await asyncio.gather(*(client.get(image["file"]) for image in queued))
        assert [answer.content for answer in answers] == contents
