"""Server groups over HTTP, and what they mean to servers."""

from typing import Any

import pytest

from harness.simulated_cloud import Answer, SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def create(cloud: SimulatedCloud, version: str, user: str = "demo", **fields: Any) -> Answer:
    return await cloud.compute("POST", "/os-server-groups", {"server_group": fields}, user=user, version=version)


@pytest.mark.parametrize(
    ("version", "fields", "shown"),
    [
        ("2.1", {"policies": ["affinity"]}, {"policies": ["affinity"], "metadata": {}}),
        (
            "2.13",
            {"policies": ["affinity"]},
            {"policies": ["affinity"], "metadata": {}, "project_id": 1, "user_id": 1},
        ),
        ("2.15", {"policies": ["soft-affinity"]}, {"policies": ["soft-affinity"], "project_id": 1, "user_id": 1}),
        ("2.64", {"policy": "affinity"}, {"policy": "affinity", "rules": {}, "project_id": 1, "user_id": 1}),
        (
            "2.64",
            {"policy": "anti-affinity", "rules": {"max_server_per_host": "3"}},
            {"policy": "anti-affinity", "rules": {"max_server_per_host": 3}},
        ),
    ],
)
async def test_forms_by_version(
    cloud: SimulatedCloud, version: str, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    answer = await create(cloud, version, name="g", **fields)
    assert answer.status == 200, answer.text
    made = answer.body["server_group"]
    seen = (await cloud.compute("GET", f"/os-server-groups/{made['id']}", user="demo", version=version)).body
    assert seen["server_group"] == made
    for name, value in shown.items():
        assert made[name] == value if value != 1 else made[name]
    assert made["members"] == []
    assert (await cloud.compute("DELETE", f"/os-server-groups/{made['id']}", user="demo")).status == 204
    assert (await cloud.compute("GET", f"/os-server-groups/{made['id']}", user="demo")).status == 404


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.1", {"policies": []}),
        ("2.1", {"policies": ["affinity", "anti-affinity"]}),
        ("2.1", {"policies": ["friendship"]}),
        ("2.14", {"policies": ["soft-affinity"]}),
        ("2.63", {"policy": "affinity"}),
        ("2.64", {"policies": ["affinity"]}),
        ("2.64", {}),
        ("2.64", {"policy": "affinity", "rules": {"max_server_per_host": 2}}),
        ("2.64", {"policy": "anti-affinity", "rules": {"max_server_per_host": 0}}),
        ("2.64", {"policy": "anti-affinity", "rules": {"colour": 1}}),
    ],
)
async def test_refused_bodies(cloud: SimulatedCloud, version: str, fields: dict[str, Any]) -> None:
    answer = await create(cloud, version, name="g", **fields)
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text


async def test_whose(cloud: SimulatedCloud) -> None:
    made = (await create(cloud, "2.64", user="admin", name="theirs", policy="affinity")).body["server_group"]
    assert (await cloud.compute("GET", f"/os-server-groups/{made['id']}", user="demo")).status == 403
    assert (await cloud.compute("DELETE", f"/os-server-groups/{made['id']}", user="demo")).status == 403
    mine = (await cloud.compute("GET", "/os-server-groups?all_projects=1", user="demo")).body["server_groups"]
    assert made["id"] not in [group["id"] for group in mine]
    everybodys = (await cloud.compute("GET", "/os-server-groups?all_projects=1")).body["server_groups"]
    assert made["id"] in [group["id"] for group in everybodys]
    assert (await cloud.compute("GET", "/os-server-groups/nothing")).status == 404


async def test_quota(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    have = len((await cloud.compute("GET", "/os-server-groups", user="demo")).body["server_groups"])
    await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"server_groups": have}})
    answer = await create(cloud, "2.64", name="more", policy="affinity")
    assert answer.fault == ("forbidden", "Quota exceeded, too many server groups.")
    await cloud.compute("DELETE", f"/os-quota-sets/{project}")


async def test_anti_affinity_keeps_servers_apart(cloud: SimulatedCloud) -> None:
    """Two hosts take two servers; the third has nowhere to go and says so."""
    group = (await create(cloud, "2.64", name="apart", policy="anti-affinity")).body["server_group"]
    body = {
        "server": {"name": "a", "flavorRef": "1", "imageRef": cloud.image, "networks": "none", "min_count": 3},
        "os:scheduler_hints": {"group": group["id"]},
    }
    answer = await cloud.compute("POST", "/servers", body, user="demo", version="2.64")
    assert answer.status == 202, answer.text
    members = (await cloud.compute("GET", f"/os-server-groups/{group['id']}", user="demo")).body["server_group"]
    assert len(members["members"]) == 3

    async def decided() -> list[dict[str, Any]]:
        found = [await cloud.server(one) for one in members["members"]]
        return found if all(one["status"] in ("ACTIVE", "ERROR") for one in found) else []

    found = await cloud.until(decided)
    active = [one for one in found if one["status"] == "ACTIVE"]
    (failed,) = [one for one in found if one["status"] == "ERROR"]
    assert len({one["OS-EXT-SRV-ATTR:host"] for one in active}) == 2
    assert all(one["server_groups"] == [group["id"]] for one in found)
    assert failed["fault"]["code"] == 500 and "No valid host was found" in failed["fault"]["message"]
    for one in found:
        await cloud.compute("DELETE", f"/servers/{one['id']}", user="demo")
        await cloud.gone(one["id"])
    assert (await cloud.compute("DELETE", f"/os-server-groups/{group['id']}", user="demo")).status == 204


async def test_members_are_bounded(cloud: SimulatedCloud) -> None:
    group = (await create(cloud, "2.64", name="small", policy="soft-affinity")).body["server_group"]
    project = cloud.projects["demo"]
    await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"server_group_members": 1}})
    body = {
        "server": {"name": "a", "flavorRef": "1", "imageRef": cloud.image, "networks": "none", "min_count": 2},
        "os:scheduler_hints": {"group": group["id"]},
    }
    answer = await cloud.compute("POST", "/servers", body, user="demo", version="2.64")
    assert answer.fault == ("forbidden", "Quota exceeded, too many servers in group")
    await cloud.compute("DELETE", f"/os-quota-sets/{project}")
