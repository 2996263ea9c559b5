"""The service's statements on both databases: one walk through every verb, and lists against a plain model."""

import random
from typing import Any

import httpx2
import pytest

from harness.images import Images, active, create, parts, upload
from unkai.image import reconcile, service, store
from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope

V21 = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


async def test_every_verb(both: Images) -> None:
    async with both.as_("member") as owner, both.as_("other") as other, both.as_("admin") as admin:
        image = await active(owner, b"data", os_distro="debian", tags=["a"])
        path = image["self"]
        changes = [
            {"op": "replace", "path": "/os_distro", "value": "fedora"},
            {"op": "add", "path": "/more", "value": "x" * 5000},
            {"op": "replace", "path": "/tags", "value": ["b", "c"]},
            {"op": "replace", "path": "/name", "value": "ünïcode"},
        ]
        changed = (await owner.patch(path, json=changes, headers=V21)).json()
        assert (changed["os_distro"], changed["tags"], changed["name"]) == ("fedora", ["b", "c"], "ünïcode")
        assert (await owner.put(f"{path}/tags/d")).status_code == 204
        assert (await owner.delete(f"{path}/tags/b")).status_code == 204
        assert (await owner.post(f"{path}/members", json={"member": "p-two"})).status_code == 200
        assert (await other.put(f"{path}/members/p-two", json={"status": "accepted"})).status_code == 200
        query = "sort=size:asc,name:desc&tag=d&os_distro=fedora&size_min=1&created_at=gt:2001-01-01T00:00:00Z"
        for client in (owner, other):
            listed = (await client.get(f"/v2/images?{query}&status=in:active,queued&limit=1")).json()
            assert [i["id"] for i in listed["images"]] == [image["id"]]
            assert (await client.get(listed["next"])).json()["images"] == []
        assert (await owner.delete(f"{path}/members/p-two")).status_code == 204
        assert (await owner.post(f"{path}/actions/deactivate")).status_code == 204
        assert (await owner.post(f"{path}/actions/reactivate")).status_code == 204
        refused = await upload(owner, (await create(owner, disk_format="vdi"))["id"], parts(b"x"))
        assert refused.status_code == 415
        assert (await admin.delete(path)).status_code == 204
        assert (await owner.post("/v2/images", json={"id": image["id"]})).status_code == 409
        assert await reconcile.check(both.kit) == []
        tombstone = both.kit.db.read_now(store.images_by_ids, Scope.system(), [image["id"]], deleted=True)
        assert tombstone[image["id"]].status == "deleted"
        assert both.kit.db.run_now(service.purge_deleted, utcnow()) == 1
        assert both.kit.db.read_now(store.images_by_ids, Scope.system(), [image["id"]], deleted=True) == {}
        assert both.blobs() == []


@pytest.mark.parametrize("name", ["%00", "a%00b", "%ff", "%F0%9F%98%80", "x" * 300, "'", "%25", ";--"])
async def test_names_that_nothing_can_have(both: Images, name: str) -> None:
    """In every place of a path; on no database is it more than a 404 (or a tag that was not asked for)."""
    async with both.as_("admin") as client:
        image = await create(client)
        known = image["self"]
        for method, path in (
            ("GET", f"/v2/images/{name}"),
            ("GET", f"/v2/images/{name}/file"),
            ("DELETE", f"/v2/images/{name}"),
            ("POST", f"/v2/images/{name}/actions/deactivate"),
            ("GET", f"/v2/images/{name}/members"),
            ("GET", f"/v2/images/{name}/locations"),
            ("GET", f"{known}/members/{name}"),
            ("DELETE", f"{known}/members/{name}"),
            ("DELETE", f"{known}/tags/{name}"),
            ("GET", f"/v2/schemas/{name}"),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == 404, (method, path, answer.text)
        assert (await client.delete(f"/v2/stores/{name}/{image['id']}")).status_code == 409
        assert (await client.put(f"{known}/tags/{name}")).status_code in (204, 400)
        assert (await client.get(f"/v2/images?marker={name}&id={name}&owner={name}&p={name}")).status_code == 400


async def some_images(client: httpx2.AsyncClient, number: int, seed: int) -> list[dict[str, Any]]:
    """Many equal values, so that order depends on the last key."""
    pick = random.Random(seed)
    made = []
    for _ in range(number):
        body = {
            "name": pick.choice(["a", "b", "B", None]),
            "min_ram": pick.randrange(3),
            "protected": pick.random() < 0.3,
            "tags": pick.sample(["x", "y", "z"], pick.randrange(3)),
            "visibility": pick.choice(["shared", "private"]),
            "disk_format": pick.choice(["raw", None]),
        }
        if pick.random() < 0.5:
            body["color"] = pick.choice(["red", "blue"])
        if body["disk_format"] and pick.random() < 0.5:
            made.append(await active(client, b"x" * pick.randrange(3), **body))
        else:
            made.append(await create(client, **body))
    return made


def keeps(image: dict[str, Any], query: dict[str, str]) -> bool:
    """The filters that the test draws, said once more and plainly."""
    checks = {
        "name": lambda v: image["name"] == v,
        "min_ram_min": lambda v: image["min_ram"] >= int(v),
        "size_max": lambda v: image["size"] is not None and image["size"] <= int(v),
        "protected": lambda v: image["protected"] == (v == "true"),
        "tag": lambda v: v in image["tags"],
        "visibility": lambda v: image["visibility"] == v,
        "status": lambda v: image["status"] in v.removeprefix("in:").split(","),
        "color": lambda v: image.get("color") == v,
    }
    return all(checks[name](value) for name, value in query.items())


FILTERS = {
    "name": ["a", "b", "none"],
    "min_ram_min": ["0", "1", "5"],
    "size_max": ["0", "1", "9"],
    "protected": ["true", "false"],
    "tag": ["x", "w"],
    "visibility": ["shared", "private"],
    "status": ["in:active", "in:queued,active"],
    "color": ["red", "green"],
}
SORTS = ["", "name:asc", "size:desc,name:asc", "disk_format:asc,size:asc,status:desc", "created_at:asc", "id:desc"]


@pytest.mark.parametrize("seed", range(3))
async def test_filters_and_pages_against_a_model(both: Images, seed: int) -> None:
    """Every page size gives the same list: no image twice, none left out."""
    pick = random.Random(seed)
    async with both.as_("member") as client:
        made = await some_images(client, 30, seed)
        for _ in range(25):
            names = pick.sample(list(FILTERS), pick.randrange(4))
            query = {name: pick.choice(FILTERS[name]) for name in names}
            sort = pick.choice(SORTS)
            limit = pick.randrange(1, 12)
            wanted = {image["id"] for image in made if keeps(image, query)}
            everything = await walk(client, {**query, **({"sort": sort} if sort else {}), "limit": "1000"})
            paged = await walk(client, {**query, **({"sort": sort} if sort else {}), "limit": str(limit)})
            assert set(everything) == wanted, (query, sort)
            assert paged == everything, (query, sort, limit)
            assert len(set(paged)) == len(paged)


async def walk(client: httpx2.AsyncClient, query: dict[str, str]) -> list[str]:
    path: str | None = str(httpx2.URL("/v2/images", params=query))
    found: list[str] = []
    while path is not None:
        body = (await client.get(path)).json()
        found += [image["id"] for image in body["images"]]
        path = body.get("next")
    return found


@pytest.mark.parametrize("sort", ["name:asc", "created_at:desc", "size:asc"])
async def test_pages_while_images_come_and_go(both: Images, sort: str) -> None:
    """What is there from beginning to end is listed exactly once, whatever happens around it."""
    pick = random.Random(7)
    async with both.as_("member") as client:
        stay = await some_images(client, 12, 1)
        leave = [i for i in await some_images(client, 8, 2) if not i["protected"]]
        path: str | None = f"/v2/images?limit=2&sort={sort}"
        found: list[str] = []
        while path is not None:
            body = (await client.get(path)).json()
            found += [image["id"] for image in body["images"]]
            path = body.get("next")
            last = body["images"][-1]["id"] if body["images"] else None
            candidates = [image for image in leave if image["id"] != last]
            if candidates:
                gone = pick.choice(candidates)
                leave.remove(gone)
                assert (await client.delete(gone["self"])).status_code == 204
            if len(found) < 60:
                await create(client, name=pick.choice(["a", "z"]))
        assert len(found) == len(set(found))
        assert {image["id"] for image in stay} <= set(found)


async def test_a_marker_that_was_deleted_is_refused(both: Images) -> None:
    async with both.as_("member") as client, both.as_("other") as other:
        image = await create(client)
        assert (await other.get(f"/v2/images?marker={image['id']}")).status_code == 400, "not seen, so not there"
        assert (await client.delete(image["self"])).status_code == 204
        answer = await client.get(f"/v2/images?marker={image['id']}")
        assert answer.status_code == 400
        assert f"No image found with ID {image['id']}" in answer.json()["message"]
