"""PATCH: both dialects, what may be changed by whom, and what is refused."""

from typing import Any

import httpx2
import pytest

from harness.images import Images, active, create

V21 = "application/openstack-images-v2.1-json-patch"
V20 = "application/openstack-images-v2.0-json-patch"


async def patch(client: httpx2.AsyncClient, image: dict[str, Any], *changes: Any, kind: str = V21) -> httpx2.Response:
    return await client.patch(f"/v2/images/{image['id']}", json=list(changes), headers={"Content-Type": kind})


def op(name: str, path: str, value: Any = None) -> dict[str, Any]:
    change = {"op": name, "path": path}
    return change if name == "remove" else {**change, "value": value}


async def test_every_writable_attribute(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, prop="old", gone="x")
        answer = await patch(
            client,
            image,
            op("replace", "/name", "new"),
            op("replace", "/min_disk", 3),
            op("add", "/min_ram", 4),
            op("replace", "/protected", True),
            op("replace", "/os_hidden", True),
            op("replace", "/visibility", "private"),
            op("replace", "/tags", ["b", "a"]),
            op("replace", "/disk_format", "qcow2"),
            op("replace", "/container_format", "ovf"),
            op("replace", "/prop", "new"),
            op("add", "/more~1less~0", "text"),
            op("remove", "/gone"),
        )
        assert answer.status_code == 200
        changed = answer.json()
        assert changed["updated_at"] >= image["updated_at"]
        wanted = {
            "name": "new",
            "min_disk": 3,
            "min_ram": 4,
            "protected": True,
            "os_hidden": True,
            "visibility": "private",
            "tags": ["a", "b"],
            "disk_format": "qcow2",
            "container_format": "ovf",
            "prop": "new",
            "more/less~": "text",
        }
        assert {key: changed[key] for key in wanted} == wanted
        assert "gone" not in changed
        assert (await client.get(f"/v2/images/{image['id']}")).json() == changed


async def test_the_older_dialect(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, prop="old", gone="x")
        answer = await patch(
            client,
            image,
            {"replace": "/name", "value": "new"},
            {"add": "/fresh", "value": "1"},
            {"replace": "/prop", "value": "new"},
            {"remove": "/gone"},
            kind=V20,
        )
        assert answer.status_code == 200
        changed = answer.json()
        assert (changed["name"], changed["fresh"], changed["prop"]) == ("new", "1", "new")
        assert "gone" not in changed
        for change in ({"add": "/prop", "value": "x"}, {"add": "/name", "value": "x"}):
            refused = await patch(client, image, change, kind=V20)
            assert refused.status_code == 409
            assert "already present" in refused.json()["message"]
        both = await patch(client, image, {"add": "/a", "remove": "/b", "value": "x"}, kind=V20)
        assert both.status_code == 400


async def test_add_replaces_in_the_standard_dialect_and_null_names(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, prop="old")
        changed = (await patch(client, image, op("add", "/prop", "new"), op("add", "/name", None))).json()
        assert (changed["prop"], changed["name"]) == ("new", None)
        again = await patch(client, image, op("remove", "/prop"), op("add", "/prop", "again"))
        assert again.json()["prop"] == "again"


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        (op("replace", "/id", "x"), 403, "Attribute 'id' is read-only."),
        (op("replace", "/status", "active"), 403, "Attribute 'status' is read-only."),
        (op("add", "/checksum", "x"), 403, "Attribute 'checksum' is read-only."),
        (op("remove", "/size"), 403, "Attribute 'size' is read-only."),
        (op("replace", "/os_hash_value", "x"), 403, "read-only"),
        (op("replace", "/created_at", "x"), 403, "read-only"),
        (op("add", "/stores", "x"), 403, "read-only"),
        (op("add", "/deleted", "x"), 403, "Attribute 'deleted' is reserved."),
        (op("add", "/location", "x"), 403, "Attribute 'location' is reserved."),
        (op("add", "/os_glance_import_task", "x"), 403, "Attribute 'os_glance_import_task' is reserved."),
        (op("add", "/locations/-", {"url": "file:///etc/passwd", "metadata": {}}), 403, "It's not allowed to add"),
        (op("replace", "/locations", []), 403, "It's not allowed to replace locations"),
        (op("remove", "/locations/0"), 403, "It's not allowed to remove locations"),
        (op("remove", "/name"), 403, "Property name may not be removed."),
        (op("remove", "/nothing"), 409, "Property nothing does not exist."),
        (op("replace", "/nothing", "x"), 409, "Property nothing does not exist."),
        (op("replace", "/owner", "p-two"), 403, "Owner can't be updated by non admin."),
        (op("replace", "/visibility", "public"), 403, "You are not authorized to complete publicize_image action."),
        (op("replace", "/visibility", "hidden"), 400, "does not match schema 'image'"),
        (op("replace", "/name", "n" * 256), 400, "does not match schema 'image'"),
        (op("replace", "/name", 5), 400, "does not match schema 'image'"),
        (op("replace", "/protected", "yes"), 400, "does not match schema 'image'"),
        (op("replace", "/min_ram", "5"), 400, "does not match schema 'image'"),
        (op("replace", "/min_ram", -1), 400, "Cannot be a negative value"),
        (op("replace", "/min_disk", 2**31), 400, "Cannot be greater than"),
        (op("replace", "/min_disk", 10**40), 400, ""),
        (op("replace", "/disk_format", "floppy"), 400, "'floppy' is not one of [None, 'ami'"),
        (op("replace", "/disk_format", "aki"), 400, "Invalid mix of disk and container formats."),
        (op("replace", "/tags", ["t" * 256]), 400, "does not match schema 'image'"),
        (op("replace", "/tags", "t"), 400, "does not match schema 'image'"),
        (op("add", "/prop", 5), 400, "is not of type 'string'"),
        (op("add", "/prop", None), 400, "is not of type 'string'"),
        (op("add", "/prop", {"a": "b"}), 400, "is not of type 'string'"),
        (op("add", "/prop", "a\0b"), 400, "NUL"),
        (op("add", "/" + "p" * 256, "x"), 400, "greater than 255"),
        (op("add", "/", "x"), 400, "Invalid JSON pointer"),
        (op("add", "/a/b", "x"), 400, "Invalid JSON pointer"),
        (op("add", "name", "x"), 400, 'does not start with "/"'),
        (op("add", "//name", "x"), 400, "Invalid JSON pointer"),
        (op("add", "/a//b", "x"), 400, 'contains adjacent "/"'),
        (op("add", "/name/", "x"), 400, 'end with "/"'),
        (op("add", "/na~2me", "x"), 400, "recognized escape sequence"),
        (op("add", "/name~", "x"), 400, "recognized escape sequence"),
        ({"op": "add", "path": 5, "value": "x"}, 400, 'does not start with "/"'),
        ({"op": "copy", "path": "/name", "from": "/id"}, 400, "Invalid operation: `copy`"),
        ({"path": "/name", "value": "x"}, 400, "Unable to find `op`"),
        ({"op": "add", "value": "x"}, 400, "Unable to find 'path'"),
        ({"op": "add", "path": "/name"}, 400, 'Operation "add" requires a member named "value".'),
        ("replace", 400, "Operations must be JSON objects."),
    ],
)
async def test_changes_that_are_refused_change_nothing(cloud: Images, change: Any, status: int, text: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, prop="old", tags=["t"])
        answer = await patch(client, image, op("replace", "/name", "changed"), op("add", "/extra", "1"), change)
        assert answer.status_code == status, answer.text
        assert text in answer.json()["message"]
        assert (await client.get(f"/v2/images/{image['id']}")).json() == image


async def test_formats_are_fixed_once_there_is_data(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        image = await active(client)
        for name, value in (("disk_format", "qcow2"), ("container_format", "ovf")):
            answer = await patch(client, image, op("replace", f"/{name}", value))
            assert answer.status_code == 403
            assert f"Attribute {name} can be only replaced for a queued image." in answer.json()["message"]


@pytest.mark.parametrize("kind", ["application/json", "application/json-patch+json", "text/plain", ""])
async def test_other_media_types_are_refused(cloud: Images, kind: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await client.patch(image["self"], content=b"[]", headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == 415
        assert answer.headers["accept-patch"] == f"{V20}, {V21}"
        assert "Image PATCH expects Content-Type one of" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Body expected in request."),
        (b"{", "Malformed JSON in request body."),
        (b"\xff", "Malformed JSON in request body."),
        (b'"text"', "Unexpected body type. Expected list/dict."),
        (b"[" * 100_000, "Malformed JSON in request body."),
        (b"{}", "Request body must be a JSON array of operation objects."),
    ],
)
async def test_bodies_that_are_no_patch(cloud: Images, body: bytes, text: str) -> None:
    async with cloud.as_("member") as client:
        image = await create(client)
        answer = await client.patch(image["self"], content=body, headers={"Content-Type": V21})
        assert answer.status_code == 400
        assert text in answer.json()["message"]


async def test_an_empty_patch_shows_the_image(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("other") as other:
        image = await create(client)
        assert (await patch(client, image)).json() == image
        assert (await patch(other, image)).status_code == 404


async def test_an_administrator_changes_what_an_owner_cannot(cloud: Images) -> None:
    async with cloud.as_("member") as client, cloud.as_("admin") as admin, cloud.as_("other") as other:
        image = await create(client, visibility="private")
        answer = await patch(admin, image, op("replace", "/owner", "p-two"), op("replace", "/visibility", "public"))
        assert (answer.status_code, answer.json()["owner"]) == (200, "p-two")
        refused = await patch(client, image, op("replace", "/name", "mine"))
        assert refused.status_code == 403
        assert "You are not authorized to complete modify_image action." in refused.json()["message"]
        assert (await patch(other, image, op("replace", "/name", "mine"))).json()["name"] == "mine"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"status": "active"}, 403, "Attribute 'status' is read-only."),
        ({"checksum": "x"}, 403, "Attribute 'checksum' is read-only."),
        ({"self": "x"}, 403, "Attribute 'self' is read-only."),
        ({"os_hash_algo": "x"}, 403, "Attribute 'os_hash_algo' is read-only."),
        ({"locations": []}, 403, "Attribute 'locations' is reserved."),
        ({"deleted_at": "x"}, 403, "Attribute 'deleted_at' is reserved."),
        ({"os_glance_x": "x"}, 403, "Attribute 'os_glance_x' is reserved."),
        ({"owner": "p-two"}, 403, "You are not permitted to create images owned by 'p-two'"),
        ({"visibility": "public"}, 403, "You are not authorized to complete publicize_image action."),
        ({"id": "not-a-uuid"}, 400, "does not match schema 'image'"),
        ({"name": ["x"]}, 400, "does not match schema 'image'"),
        ({"min_disk": True}, 400, "does not match schema 'image'"),
        ({"min_disk": 1.5}, 400, "does not match schema 'image'"),
        ({"min_ram": -5}, 400, "Cannot be a negative value"),
        ({"disk_format": "AKI"}, 400, "is not one of"),
        ({"disk_format": "aki", "container_format": "bare"}, 400, "Invalid mix of disk and container formats."),
        ({"disk_format": "raw", "container_format": "ami"}, 400, "Invalid mix of disk and container formats."),
        ({"prop": 1}, 400, "is not of type 'string'"),
        ({"p" * 256: "x"}, 400, "greater than 255"),
        ({"": "x"}, 400, "greater than 255"),
        ({"tags": [1]}, 400, "does not match schema 'image'"),
        ([], 400, "does not match schema 'image'"),
    ],
)
async def test_new_images_that_are_refused(cloud: Images, body: Any, status: int, text: str) -> None:
    async with cloud.as_("member") as client:
        answer = await client.post("/v2/images", json=body)
        assert answer.status_code == status, answer.text
        assert text in answer.json()["message"]
        assert (await client.get("/v2/images?visibility=all")).json()["images"] == []


async def test_limits_of_properties_and_tags(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        many = {f"p{number}": "x" for number in range(128)}
        tags = [f"t{number}" for number in range(128)]
        image = await create(client, **many, tags=tags)
        for body in ({**many, "one": "more"}, {"tags": [*tags, "one more"]}):
            answer = await client.post("/v2/images", json=body)
            assert answer.status_code == 413
            assert "Attempted: 129, Maximum: 128" in answer.json()["message"]
        for change in (op("add", "/one", "more"), op("replace", "/tags", [*tags, "one more"])):
            assert (await patch(client, image, change)).status_code == 413
        assert (await client.put(f"{image['self']}/tags/one")).status_code == 413
        assert (await client.put(f"{image['self']}/tags/t1")).status_code == 204
        swapped = await patch(client, image, op("remove", "/p0"), op("add", "/one", "more"))
        assert swapped.status_code == 200
        large = await client.post("/v2/images", json={"p": "x" * 120_000})
        assert large.status_code == 413


@pytest.mark.parametrize(
    "formats", [("aki", "aki"), ("ari", "ari"), ("ami", "ami"), ("vhdx", "bare"), ("ploop", None)]
)
async def test_formats_that_go_together(cloud: Images, formats: tuple[str, str | None]) -> None:
    async with cloud.as_("member") as client:
        image = await create(client, disk_format=formats[0], container_format=formats[1])
        assert (image["disk_format"], image["container_format"]) == formats
