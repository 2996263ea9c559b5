"""kill -9 of the control plane: in the middle of an upload, and between a deletion and the removal of its data."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.image.test_uploads import half_an_upload
from harness import images
from harness.images import JSON, OCTETS
from unkai.image import reconcile, service, store
from unkai.image.blobs import Stores
from unkai.kernel.scope import Scope


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "harness.image_server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}, text=True) as child:
        try:
            assert child.stdout is not None
            base = f"http://127.0.0.1:{int(child.stdout.readline())}/image"
            with httpx2.Client(base_url=base, headers={"X-Auth-Token": "member", **JSON}, timeout=30) as client:
                yield child, client
        finally:
            child.kill()


def wait_for(client: httpx2.Client, image_id: str, status: str) -> None:
    deadline = time.monotonic() + 20
    while client.get(f"/v2/images/{image_id}").json()["status"] != status:
        assert time.monotonic() < deadline, f"it never became {status}"
        time.sleep(0.02)


@pytest.mark.parametrize("chunked", [True, False])
def test_killed_in_the_middle_of_an_upload(tmp_path: Path, chunked: bool) -> None:
    def files() -> list[Path]:
        return [path for path in (tmp_path / "store").rglob("*") if path.is_file()]

    with server(tmp_path) as (child, client):
        body = {"name": "n", "disk_format": "raw", "container_format": "bare"}
        image_id = client.post("/v2/images", json=body).json()["id"]
        sock = half_an_upload(str(client.base_url).rstrip("/"), image_id, chunked=chunked)
        wait_for(client, image_id, "saving")
        while sum(path.stat().st_size for path in files()) < 1 << 20:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        sock.close()
    assert len(files()) == 1, "what the dead process wrote is still there"
    with server(tmp_path) as (_, client):
        wait_for(client, image_id, "queued")
        deadline = time.monotonic() + 5
        while files() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert files() == []
        path = f"/v2/images/{image_id}/file"
        assert client.put(path, content=b"now whole", headers=OCTETS).status_code == 204
        assert client.get(path).content == b"now whole"


async def test_data_of_a_deleted_image_goes_even_if_the_process_dies_right_after(tmp_path: Path) -> None:
    with images.images(tmp_path) as cloud:
        async with cloud.as_("member") as client:
            image = await images.active(client, b"data")
            kept = await images.active(client, b"kept")
            member = await cloud.kit.authenticate("member")
            await cloud.kit.db.run(service.delete_image, cloud.kit, member, image["id"])
            assert len(cloud.blobs()) == 2
            (drift,) = await reconcile.check(cloud.kit)
            assert (drift.kind, drift.image_id) == ("forgotten trash", image["id"])
            assert len(cloud.blobs()) == 2, "told, not done"
            assert await reconcile.check(cloud.kit, fix=True) == [drift]
            assert await reconcile.check(cloud.kit) == []
            assert [path.read_bytes() for path in cloud.blobs()] == [b"kept"]
            assert (await client.get(kept["file"])).content == b"kept"


async def test_data_that_nobody_knows_is_told_and_removed_only_on_request(tmp_path: Path) -> None:
    with images.images(tmp_path) as cloud:
        async with cloud.as_("member") as client:
            await images.active(client, b"known")
            for folder in ("ab", "partial"):
                (cloud.folder / folder).mkdir(exist_ok=True)
                (cloud.folder / folder / "ab-stranger").write_bytes(b"?")
            found = await reconcile.orphan_blobs(cloud.kit, False)
            assert {drift.key for drift in found} == {"ab-stranger"}
            assert len(cloud.blobs()) == 3
            await reconcile.orphan_blobs(cloud.kit, True)
            assert [path.read_bytes() for path in cloud.blobs()] == [b"known"]
            assert await reconcile.check(cloud.kit) == []


async def test_missing_and_cut_data_is_told_and_its_download_fails_with_a_cause(tmp_path: Path) -> None:
    with images.images(tmp_path) as cloud:
        async with cloud.as_("member") as client:
            gone, cut, good = [await images.active(client, b"0123456789") for _ in range(3)]
            stores = cloud.kit.get(Stores)
            for image, change in ((gone, lambda path: path.unlink()), (cut, lambda path: path.write_bytes(b"01"))):
                (blob,) = cloud.kit.db.read_now(store.location_of, Scope.system(), image["id"])
                change(Path(stores.get("file").url(blob.key).removeprefix("file://")))
            found = await reconcile.missing_blobs(cloud.kit, True)
            assert {drift.image_id: drift.text for drift in found} == {
                gone["id"]: "the store has no such data",
                cut["id"]: "the store has 2 of 10 bytes",
            }
            answer = await client.get(gone["file"])
            assert answer.status_code == 500
            assert f"The data of image {gone['id']} is not in store file any more." in answer.json()["message"]
            assert (await client.get(good["file"])).content == b"0123456789"
            assert (await client.delete(f"/v2/images/{gone['id']}")).status_code == 204
