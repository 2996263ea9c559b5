"""Who may see and do what: every rule with an owner, a reader, strangers, a member, an administrator."""

from typing import Any

import httpx2
import pytest

from harness.images import OCTETS, Images, active, create
from unkai.image.policy import POLICIES

V21 = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
RENAME = [{"op": "replace", "path": "/name", "value": "x"}]


async def attempt(client: httpx2.AsyncClient, verb: str, image: dict[str, Any]) -> int:
    path = f"/v2/images/{image['id']}"
    calls = {
        "show": lambda: client.get(path),
        "download": lambda: client.get(f"{path}/file"),
        "rename": lambda: client.patch(path, json=RENAME, headers=V21),
        "publicize": lambda: client.patch(
            path, json=[{"op": "replace", "path": "/visibility", "value": "public"}], headers=V21
        ),
        "upload": lambda: client.put(f"{path}/file", content=b"x", headers=OCTETS),
        "tag": lambda: client.put(f"{path}/tags/t"),
        "share": lambda: client.post(f"{path}/members", json={"member": "p-three"}),
        "members": lambda: client.get(f"{path}/members"),
        "deactivate": lambda: client.post(f"{path}/actions/deactivate"),
        "locations": lambda: client.get(f"{path}/locations"),
        "delete": lambda: client.delete(path),
    }
    answer = await calls[verb]()
    return answer.status_code


CASES = [
    # verb, visibility: owner, its reader, another project, another's reader, administrator
    ("show", "private", 200, 200, 404, 404, 200),
    ("show", "shared", 200, 200, 404, 404, 200),
    ("show", "community", 200, 200, 200, 200, 200),
    ("show", "public", 200, 200, 200, 200, 200),
    ("download", "private", 200, 403, 404, 404, 200),
    ("download", "public", 200, 403, 200, 403, 200),
    ("rename", "private", 200, 403, 404, 404, 200),
    ("rename", "public", 200, 403, 403, 403, 200),
    ("publicize", "private", 403, 403, 404, 404, 200),
    ("upload", "private", 409, 403, 404, 404, 409),
    ("upload", "public", 409, 403, 403, 403, 409),
    ("tag", "shared", 204, 403, 404, 404, 204),
    ("tag", "community", 204, 403, 403, 403, 204),
    ("share", "shared", 200, 403, 404, 404, 200),
    ("share", "private", 403, 403, 404, 404, 403),
    ("members", "shared", 200, 200, 404, 404, 200),
    ("members", "public", 403, 403, 403, 403, 403),
    ("deactivate", "private", 204, 403, 404, 404, 204),
    ("deactivate", "community", 204, 403, 403, 403, 204),
    ("locations", "private", 403, 403, 404, 404, 200),
    ("delete", "private", 204, 403, 404, 404, 204),
    ("delete", "public", 204, 403, 403, 403, 204),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
async def test_verbs_by_caller(cloud: Images, case: tuple[Any, ...]) -> None:
    verb, visibility, *wanted = case
    got = []
    async with cloud.as_("admin") as admin:
        for token in ("member", "reader", "other", "other-reader", "admin"):
            image = await active(admin, owner="p-one", visibility=visibility)
            async with cloud.as_(token) as client:
                got.append(await attempt(client, verb, image))
    assert got == wanted


async def test_without_a_token_and_with_a_wrong_one(cloud: Images) -> None:
    async with cloud.as_("nobody") as client:
        for path in ("/v2/images", "/v2/schemas/image"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.json()["error"]["message"] == "The request you have made requires authentication."
            assert "www-authenticate" in answer.headers
        del client.headers["X-Auth-Token"]
        assert (await client.get("/v2/images")).status_code == 401
        assert (await client.get("/v2/nothing")).status_code == 401
        assert (await client.get("/versions")).status_code == 200


async def test_tokens_without_a_project(cloud: Images) -> None:
    async with cloud.as_("member") as owner:
        image = await active(owner, visibility="private")
    for token in ("system", "unscoped"):
        async with cloud.as_(token) as client:
            assert (await client.get("/v2/images")).status_code == 403
            assert (await client.post("/v2/images", json={})).status_code == 403
            assert (await client.get(image["self"])).status_code == 404


async def test_a_reader_creates_nothing(cloud: Images) -> None:
    async with cloud.as_("reader") as client:
        answer = await client.post("/v2/images", json={})
        assert answer.status_code == 403
        assert "You are not authorized to complete add_image action." in answer.json()["message"]


async def test_an_administrator_creates_for_others(cloud: Images) -> None:
    async with cloud.as_("admin") as admin, cloud.as_("other") as other:
        image = await create(admin, owner="p-two", visibility="private")
        assert (await other.get(image["self"])).status_code == 200


async def test_a_member_of_a_shared_image(cloud: Images) -> None:
    async with (
        cloud.as_("member") as owner,
        cloud.as_("other") as member,
        cloud.as_("third") as third,
        cloud.as_("admin") as admin,
    ):
        image = await active(owner)
        path = f"{image['self']}/members"
        assert (await member.get(image["self"])).status_code == 404
        shared = await owner.post(path, json={"member": "p-two"})
        assert shared.status_code == 200
        view = shared.json()
        assert view["status"] == "pending"
        assert view["schema"] == "/v2/schemas/member"
        assert (view["member_id"], view["image_id"]) == ("p-two", image["id"])
        assert (await owner.post(path, json={"member": "p-two"})).status_code == 409
        assert (await owner.post(path, json={"member": "p-three"})).status_code == 200
        assert (await member.get(image["self"])).status_code == 200, "seen even before the answer"
        assert (await member.get(f"{image['self']}/file")).content == b"data"
        assert (await member.patch(image["self"], json=RENAME, headers=V21)).status_code == 403
        assert (await owner.put(f"{path}/p-two", json={"status": "accepted"})).status_code == 403, "not its answer"
        assert (await third.put(f"{path}/p-two", json={"status": "accepted"})).status_code == 404
        assert (await member.put(f"{path}/p-two", json={"status": "perhaps"})).status_code == 400
        accepted = await member.put(f"{path}/p-two", json={"status": "accepted"})
        assert (accepted.status_code, accepted.json()["status"]) == (200, "accepted")
        assert (await admin.put(f"{path}/p-two", json={"status": "rejected"})).json()["status"] == "rejected"
        listed = (await owner.get(path)).json()
        assert {m["member_id"]: m["status"] for m in listed["members"]} == {"p-two": "rejected", "p-three": "pending"}
        assert listed["schema"] == "/v2/schemas/members"
        assert [m["member_id"] for m in (await member.get(path)).json()["members"]] == ["p-two"]
        assert (await member.get(f"{path}/p-two")).status_code == 200
        assert (await member.get(f"{path}/p-three")).status_code == 404
        assert (await member.delete(f"{path}/p-two")).status_code == 403
        assert (await owner.delete(f"{path}/p-two")).status_code == 204
        assert (await owner.delete(f"{path}/p-two")).status_code == 404
        assert (await member.get(image["self"])).status_code == 404


@pytest.mark.parametrize("visibility", ["private", "community", "public"])
async def test_only_shared_images_have_members(cloud: Images, visibility: str) -> None:
    async with cloud.as_("admin") as admin:
        image = await create(admin, visibility=visibility)
        path = f"{image['self']}/members"
        for answer in (
            await admin.post(path, json={"member": "p-two"}),
            await admin.get(path),
            await admin.put(f"{path}/p-two", json={"status": "accepted"}),
            await admin.delete(f"{path}/p-two"),
        ):
            assert answer.status_code == 403
            assert "Only shared images have members." in answer.json()["message"]
        assert (await admin.get(f"{path}/p-two")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"member": ""}', b'{"member": 5}', b'{"member": null}', b"5"])
async def test_members_that_are_none(cloud: Images, body: bytes) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        assert (await client.post(f"{image['self']}/members", content=body)).status_code == 400
        assert (await client.put(f"{image['self']}/members/p-two", content=body)).status_code == 400


async def test_locations_are_for_services(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("service") as service:
        image = await active(client, visibility="community")
        (place,) = (await service.get(f"{image['self']}/locations")).json()
        assert place["metadata"] == {"store": "file"}
        assert place["url"] == cloud.blobs()[0].as_uri()
        taken = await service.post(f"{image['self']}/locations", json={"url": "http://x/y"})
        assert taken.status_code == 409
        queued = await create(client, visibility="community")
        path = f"{queued['self']}/locations"
        assert (await client.post(path, json={"url": "http://x/y"})).status_code == 403
        refused = await service.post(path, json={"url": "file:///etc/passwd"})
        assert refused.status_code == 400
        assert "No store of this service takes data by a URL of scheme file." in refused.json()["message"]
        assert (await service.post(path, json=["url"])).status_code == 400
        assert (await client.get(queued["self"])).json()["status"] == "queued"


async def test_the_only_copy_stays(cloud: Images) -> None:
    async with cloud.as_("admin") as admin, cloud.as_("member") as client:
        image = await active(admin, visibility="public")
        path = f"/v2/stores/file/{image['id']}"
        assert (await client.delete(path)).status_code == 403
        answer = await admin.delete(path)
        assert answer.status_code == 403
        assert "Cannot delete image data from the only store" in answer.json()["message"]
        assert (await admin.delete(f"/v2/stores/ceph/{image['id']}")).status_code == 409
        assert (await admin.delete(f"/v2/stores/file/{'0' * 8}")).status_code == 404
        queued = await create(admin)
        assert (await admin.delete(f"/v2/stores/file/{queued['id']}")).status_code == 409
        assert (await client.get(image["file"])).content == b"data"


def test_rules_have_upstreams_names() -> None:
    assert {rule.name for rule in POLICIES} == {
        "add_image",
        "add_image_location",
        "add_member",
        "communitize_image",
        "deactivate",
        "delete_image",
        "delete_image_location",
        "delete_member",
        "download_image",
        "fetch_image_location",
        "get_image",
        "get_image_location",
        "get_images",
        "get_member",
        "get_members",
        "modify_image",
        "modify_member",
        "publicize_image",
        "reactivate",
        "stores_info_detail",
        "upload_image",
    }
    assert all(rule.operations for rule in POLICIES)
