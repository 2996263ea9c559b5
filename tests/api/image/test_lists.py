"""Lists: what is shown to whom, filters, order, pages."""

from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from harness.images import Images, active, create


async def names(client: httpx2.AsyncClient, query: str = "") -> list[str]:
    answer = await client.get(f"/v2/images?{query}")
    assert answer.status_code == 200, answer.text
    return [image["name"] for image in answer.json()["images"]]


async def test_what_a_list_shows_to_whom(cloud: Images) -> None:
    async with cloud.as_("admin") as admin, cloud.as_("member") as one, cloud.as_("other") as two:
        for visibility in ("public", "community", "shared", "private"):
            await create(admin, name=f"a-{visibility}", visibility=visibility)
        for visibility in ("community", "shared", "private"):
            await create(one, name=f"1-{visibility}", visibility=visibility)
        assert set(await names(one)) == {"a-public", "1-community", "1-shared", "1-private"}
        assert set(await names(two)) == {"a-public"}
        assert set(await names(two, "visibility=community")) == {"a-community", "1-community"}
        assert set(await names(two, "visibility=all")) == {"a-public", "a-community", "1-community"}
        assert set(await names(one, "visibility=private")) == {"1-private"}
        everything = {f"a-{v}" for v in ("public", "community", "shared", "private")}
        everything |= {f"1-{v}" for v in ("community", "shared", "private")}
        assert set(await names(admin, "visibility=all")) == everything
        assert set(await names(admin)) == everything - {"1-community"}


async def test_shared_images_by_the_members_answer(cloud: Images) -> None:
    async with cloud.as_("member") as owner, cloud.as_("other") as other:
        ids = {}
        for status in ("pending", "accepted", "rejected"):
            image = await create(owner, name=status)
            ids[status] = image["id"]
            path = f"/v2/images/{image['id']}/members"
            assert (await owner.post(path, json={"member": "p-two"})).status_code == 200
            answer = await other.put(f"{path}/p-two", json={"status": status})
            assert answer.status_code == 200
        assert await names(other) == ["accepted"]
        for status in ids:
            assert await names(other, f"visibility=shared&member_status={status}") == [status]
        assert set(await names(other, "member_status=all")) == set(ids)
        assert (await other.get("/v2/images?member_status=maybe")).status_code == 400


@pytest.fixture
async def some(cloud: Images) -> dict[str, dict[str, Any]]:
    async with cloud.as_("member") as client:
        made = [
            await active(client, b"x" * 10, name="small", min_ram=1, tags=["t1"], os_distro="debian"),
            await active(client, b"x" * 20, name="middle", min_ram=2, tags=["t1", "t2"], os_distro="debian", p="1"),
            await active(client, b"x" * 30, name="large, very", min_ram=3, tags=["t2"], protected=True),
            await create(client, name="queued", disk_format="qcow2", min_disk=7),
            await create(client, name="hidden", os_hidden=True),
        ]
        return {image["name"]: image for image in made}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", "small middle large queued"),
        ("name=small", "small"),
        ("name=eq:small", "small"),
        ('name=in:small,"large, very"', "small large"),
        ("name=nothing", ""),
        ("status=active", "small middle large"),
        ("status=in:queued,active", "small middle large queued"),
        ("disk_format=in:qcow2,vdi", "queued"),
        ("container_format=bare", "small middle large queued"),
        ("size_min=20", "middle large"),
        ("size_max=20", "small middle"),
        ("size_min=15&size_max=25", "middle"),
        ("size=30", "large"),
        ("min_ram=2", "middle"),
        ("min_ram_max=2", "small middle queued"),
        ("min_disk_min=7", "queued"),
        ("tag=t1", "small middle"),
        ("tag=t1&tag=t2", "middle"),
        ("tag=t3", ""),
        ("protected=true", "large"),
        ("protected=false", "small middle queued"),
        ("os_hidden=true", "hidden"),
        ("os_distro=debian", "small middle"),
        ("os_distro=debian&p=1", "middle"),
        ("no_such_property=1", ""),
        ("owner=p-one", "small middle large queued"),
        ("owner=p-two", ""),
        ("created_at=gt:2001-01-01T00:00:00Z", "small middle large queued"),
        ("created_at=lt:2001-01-01T00:00:00Z", ""),
        ("updated_at=neq:2001-01-01T00:00:00Z", "small middle large queued"),
        ("updated_at=2001-01-01T00:00:00Z", ""),
        ("checksum=none", ""),
        ("virtual_size_min=9223372036854775808", ""),
    ],
)
async def test_filters(cloud: Images, some: dict[str, Any], query: str, wanted: str) -> None:
    async with cloud.as_("member") as client:
        found = {name.split(",")[0] for name in await names(client, query)}
        assert found == set(wanted.split())


async def test_filters_by_values_of_an_image(cloud: Images, some: dict[str, Any]) -> None:
    async with cloud.as_("member") as client:
        image = some["middle"]
        for name in ("id", "checksum", "os_hash_value"):
            same = [i["name"] for i in some.values() if i[name] == image[name]]
            assert await names(client, f"{name}={image[name]}") == same
        assert set(await names(client, f"created_at=gte:{image['created_at']}")) >= {"middle"}
        assert set(await names(client, f"created_at={image['created_at']}")) >= {"middle"}, "times are whole seconds"
        assert await names(client, f"created_at=gt:{some['hidden']['created_at']}") == []


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("limit=x", "limit param must be an integer"),
        ("limit=-1", "limit param must be positive"),
        ("marker=nothing", "No image found with ID nothing"),
        ("sort_key=owner", "Invalid sort key: owner."),
        ("sort_dir=up", "Invalid sort direction: up"),
        ("sort=name:up", "Invalid sort direction: up"),
        ("sort=name&sort_key=name", "Old and new sorting syntax cannot be combined"),
        ("sort_key=name&sort_key=size&sort_dir=asc&sort_dir=asc&sort_dir=desc", "Number of sort dirs does not match"),
        ("sort=name,name", "A sort key is given twice"),
        ("visibility=secret", "Invalid visibility value: secret"),
        ("member_status=no", "Invalid status: no"),
        ("os_hidden=perhaps", "Invalid value 'perhaps' for 'os_hidden' filter."),
        ("protected=1", "Invalid value '1' for 'protected' filter."),
        ("size_min=big", "Unable to filter on a range with a non-numeric value"),
        ("name=like:x", "Unable to filter by unknown operator 'like'."),
        ('name=in:"open', "Invalid filter value"),
        ("created_at=yesterday", 'Bad "created_at" query filter format'),
        ("created_at=around:2026-01-01T00:00:00Z", "Unable to filter on a unknown operator"),
        ("changes-since=2026-01-01", 'The "changes-since" filter is no longer available on v2.'),
        ("p=%00", "contains a character that no text may contain"),
        ("&".join(f"p{n}=1" for n in range(100)), "More than 64 filters"),
    ],
)
async def test_queries_that_make_no_sense(cloud: Images, query: str, complaint: str) -> None:
    async with cloud.as_("member") as client:
        answer = await client.get(f"/v2/images?{query}")
        assert answer.status_code == 400
        assert complaint in answer.json()["message"]


async def test_order(cloud: Images, some: dict[str, Any]) -> None:
    async with cloud.as_("member") as client:
        assert await names(client) == ["queued", "large, very", "middle", "small"], "newest first"
        by_name = ["large, very", "middle", "queued", "small"]
        for query in ("sort_key=name&sort_dir=asc", "sort=name:asc"):
            assert await names(client, query) == by_name
        assert await names(client, "sort=name") == by_name[::-1]
        assert await names(client, "sort=size:desc") == ["large, very", "middle", "small", "queued"], "none is least"
        mixed = await names(client, "sort=status:desc,name:asc")
        assert mixed == ["queued", "large, very", "middle", "small"]
        assert await names(client, "sort_key=status&sort_key=name&sort_dir=asc") == [
            "large, very",
            "middle",
            "small",
            "queued",
        ]


async def test_pages_follow_each_other(cloud: Images, some: dict[str, Any]) -> None:
    async with cloud.as_("member") as client:
        path = "/v2/images?limit=2&sort=name:asc&tag=t1&status=active"
        first = (await client.get(path)).json()
        assert [image["name"] for image in first["images"]] == ["middle", "small"]
        assert dict(parse_qsl(first["first"].partition("?")[2])) == {
            "limit": "2",
            "sort": "name:asc",
            "tag": "t1",
            "status": "active",
        }
        assert first["schema"] == "/v2/schemas/images"
        assert first["next"].startswith("/v2/images?")
        last = (await client.get(first["next"])).json()
        assert last["images"] == []
        assert "next" not in last
        assert last["first"] == first["first"]
        plain = (await client.get("/v2/images")).json()
        assert plain["first"] == "/v2/images"
        assert "next" not in plain
        assert (await client.get("/v2/images?limit=0")).json()["images"] == []


async def test_both_tags_are_kept_in_the_links(cloud: Images, some: dict[str, Any]) -> None:
    async with cloud.as_("member") as client:
        body = (await client.get("/v2/images?tag=t1&tag=t2&limit=1")).json()
        assert body["next"].count("tag=") == 2
        assert (await client.get(body["next"])).json()["images"] == []


async def test_the_default_limit_is_25_and_the_statements_are_constant(cloud: Images) -> None:
    async with cloud.as_("member") as client:
        for number in range(3):
            await create(client, name=str(number), tags=["t"], p="1")
        counts = []
        for number in range(3, 31):
            await create(client, name=str(number), tags=["t"], p="1")
            before = cloud.kit.db.statements
            await client.get("/v2/images?tag=t&p=1&limit=1000")
            counts.append(cloud.kit.db.statements - before)
        assert len(set(counts)) == 1, counts
        assert counts[0] <= 6
        page = (await client.get("/v2/images")).json()
        assert len(page["images"]) == 25
        assert len((await client.get(page["next"])).json()["images"]) == 6
