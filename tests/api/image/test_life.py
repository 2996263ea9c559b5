"""An image's life over HTTP: registered, uploaded, shown, changed, downloaded, switched off, deleted."""

import hashlib

import pytest

from harness.images import Images, active, create, parts, upload

DATA = bytes(range(256)) * 5000


async def test_a_new_image_is_queued_and_belongs_to_the_caller(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        answer = await client.post("/v2/images", json={"name": "n", "hw_disk_bus": "scsi", "tags": ["b", "a", "a"]})
        image = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"http://cloud/image/v2/images/{image['id']}"
        assert "openstack-image-import-methods" not in answer.headers
        assert image["status"] == "queued"
        assert image["owner"] == "p-one"
        assert image["visibility"] == "shared"
        assert image["hw_disk_bus"] == "scsi"
        assert image["tags"] == ["a", "b"]
        assert image["size"] is None and image["checksum"] is None and image["os_hash_value"] is None
        assert image["protected"] is False and image["os_hidden"] is False
        assert image["min_disk"] == image["min_ram"] == 0
        assert image["file"] == f"/v2/images/{image['id']}/file"
        assert image["self"] == f"/v2/images/{image['id']}"
        assert image["schema"] == "/v2/schemas/image"
        assert (await client.get(f"/v2/images/{image['id']}")).json() == image


async def test_uploaded_data_comes_back_with_its_hashes(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, DATA)
        assert image["size"] == image["virtual_size"] == len(DATA)
        assert image["checksum"] == hashlib.md5(DATA).hexdigest()
        assert image["os_hash_algo"] == "sha512"
        assert image["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
        assert image["stores"] == "file"
        answer = await client.get(image["file"])
        assert answer.status_code == 200
        assert answer.content == DATA
        assert answer.headers["content-length"] == str(len(DATA))
        assert answer.headers["content-md5"] == image["checksum"]
        assert answer.headers["content-type"] == "application/octet-stream"
    assert [path.read_bytes() for path in cloud.blobs()] == [DATA]


async def test_chunked_data_of_odd_parts_and_no_data_at_all(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        sent = [b"x" * 1, b"y" * (1 << 20), b"", b"z" * 700_001]
        assert (await upload(client, image["id"], parts(*sent))).status_code == 204
        assert (await client.get(image["file"])).content == b"".join(sent)
        empty = await active(client, b"")
        assert empty["size"] == 0
        answer = await client.get(empty["file"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-md5"] == hashlib.md5(b"").hexdigest()


async def test_an_image_without_data_downloads_nothing(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await client.get(image["file"])
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("text", "content", "range_"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-5", b"2345", "bytes 2-5/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
    ],
)
async def test_a_range_of_the_data(cloud: Images, text: str, content: bytes, range_: str) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"0123456789")
        answer = await client.get(image["file"], headers={"Range": text})
        assert (answer.status_code, answer.content) == (206, content)
        assert answer.headers["content-range"] == range_
        assert answer.headers["content-length"] == str(len(content))


async def test_a_content_range_in_the_request_as_old_clients_send_it(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"0123456789")
        answer = await client.get(image["file"], headers={"Content-Range": "bytes 1-3/*"})
        assert (answer.status_code, answer.content) == (206, b"123")
        refused = await client.get(image["file"], headers={"Content-Range": "bytes 1-10/*"})
        assert refused.status_code == 416


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=5-3", "bytes=-0", "bytes=-", "lines=1-2", "bytes=a-b"])
async def test_ranges_that_cannot_be_met(cloud: Images, text: str) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"0123456789")
        answer = await client.get(image["file"], headers={"Range": text})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == "bytes */10"


async def test_several_ranges_are_refused(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"0123456789")
        answer = await client.get(image["file"], headers={"Range": "bytes=0-1,4-5"})
        assert answer.status_code == 400
        assert "multiple ranges are not supported" in answer.json()["message"]


async def test_head_has_the_headers_alone(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"0123456789")
        answer = await client.head(image["file"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "10"


async def test_data_is_uploaded_once(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, b"first")
        answer = await upload(client, image["id"], b"second")
        assert answer.status_code == 409
        assert "Image status transition from active to saving is not allowed" in answer.json()["message"]
        assert (await client.get(image["file"])).content == b"first"
    assert len(cloud.blobs()) == 1


async def test_deactivated_data_is_for_administrators_only(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("admin") as admin:
        image = await active(client, DATA)
        path = f"/v2/images/{image['id']}"
        for _ in range(2):
            assert (await client.post(f"{path}/actions/deactivate")).status_code == 204
        assert (await client.get(path)).json()["status"] == "deactivated"
        refused = await client.get(f"{path}/file")
        assert refused.status_code == 403
        assert "The requested image has been deactivated" in refused.json()["message"]
        assert (await admin.get(f"{path}/file")).content == DATA
        for _ in range(2):
            assert (await client.post(f"{path}/actions/reactivate")).status_code == 204
        assert (await client.get(f"{path}/file")).content == DATA


@pytest.mark.parametrize("verb", ["deactivate", "reactivate"])
async def test_a_queued_image_cannot_be_switched(cloud: Images, verb: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await client.post(f"/v2/images/{image['id']}/actions/{verb}")
        assert answer.status_code == 403
        assert f"Not allowed to {verb} image in status 'queued'" in answer.json()["message"]


async def test_a_deleted_image_is_gone_with_its_data_and_its_id_is_not_given_out_again(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client, DATA)
        path = f"/v2/images/{image['id']}"
        assert (await client.delete(path)).status_code == 204
        assert cloud.blobs() == []
        for answer in (await client.get(path), await client.get(f"{path}/file"), await client.delete(path)):
            assert answer.status_code == 404
            assert "No image found with ID" in answer.json()["message"]
        assert (await upload(client, image["id"], b"x")).status_code == 404
        again = await client.post("/v2/images", json={"id": image["id"]})
        assert again.status_code == 409
        assert f"Image ID {image['id']} already exists!" in again.json()["message"]


async def test_a_protected_image_is_not_deleted(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("admin") as admin:
        image = await active(client, DATA, protected=True)
        path = f"/v2/images/{image['id']}"
        for caller in (client, admin):
            answer = await caller.delete(path)
            assert answer.status_code == 403
            assert f"Image {image['id']} is protected and cannot be deleted." in answer.json()["message"]
        assert (await client.get(f"{path}/file")).content == DATA


async def test_tags(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, tags=["one"])
        path = f"/v2/images/{image['id']}"
        for tag in ("two", "two", "with space", "ü"):
            assert (await client.put(f"{path}/tags/{tag}")).status_code == 204
        assert (await client.get(path)).json()["tags"] == ["one", "two", "with space", "ü"]
        assert (await client.delete(f"{path}/tags/one")).status_code == 204
        assert (await client.delete(f"{path}/tags/one")).status_code == 404
        assert (await client.put(f"{path}/tags/{'t' * 256}")).status_code == 400
        assert (await client.get(path)).json()["tags"] == ["two", "with space", "ü"]


async def test_tasks_of_an_image(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("other") as other:
        image = await create(client)
        assert (await client.get(f"/v2/images/{image['id']}/tasks")).json() == {"tasks": []}
        assert (await other.get(f"/v2/images/{image['id']}/tasks")).status_code == 404
