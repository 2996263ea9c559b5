"""Quotas, limits and reports of use over HTTP (LIM-001 and following)."""

from datetime import timedelta
from typing import Any

import pytest

from harness.simulated_cloud import SimulatedCloud
from unkai.kernel.clock import iso_micro, utcnow

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("no_servers_left")]

NOWHERE = "00000000000000000000000000000000"
DEFAULTS = {
    "instances": 10, "cores": 20, "ram": 51200, "key_pairs": 100, "metadata_items": 128, "server_groups": 10,
    "server_group_members": 10,
}  # fmt: skip
FILES = {"injected_files": 5, "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255}
NETWORK = dict.fromkeys(("fixed_ips", "floating_ips", "security_groups", "security_group_rules"), -1)


async def get(cloud: SimulatedCloud, path: str, version: str = "2.104", user: str = "admin") -> Any:
    answer = await cloud.compute("GET", path, version=version, user=user)
    assert answer.status == 200, answer.text
    return next(iter(answer.body.values()))


async def test_defaults_by_version(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    for version, expected in (
        ("2.104", DEFAULTS),
        ("2.56", DEFAULTS | FILES),
        ("2.36", DEFAULTS | FILES),
        ("2.35", DEFAULTS | FILES | NETWORK),
    ):
        for path in ("", "/defaults"):
            assert await get(cloud, f"/os-quota-sets/{project}{path}", version) == {"id": project, **expected}
    detail = await get(cloud, f"/os-quota-sets/{project}/detail")
    assert detail["instances"] == {"limit": 10, "in_use": 0, "reserved": 0}
    assert (await get(cloud, f"/os-quota-sets/{project}", user="demo"))["instances"] == 10
    old = await get(cloud, "/os-quota-class-sets/default", "2.49")
    assert set(old) == {"id", *DEFAULTS, *FILES, *NETWORK} - {"server_groups", "server_group_members"}
    assert set(await get(cloud, "/os-quota-class-sets/default", "2.57")) == {"id", *DEFAULTS}


async def test_limits_follow_quotas_and_use(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    await cloud.boot(flavorRef="2")
    changed = await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 3, "ram": "-1"}})
    assert (changed.body["quota_set"]["instances"], changed.body["quota_set"]["ram"]) == (3, -1)
    absolute = (await get(cloud, "/limits", user="demo"))["absolute"]
    assert (absolute["maxTotalInstances"], absolute["totalInstancesUsed"], absolute["totalRAMUsed"]) == (3, 1, 2048)
    assert absolute["maxTotalRAMSize"] == -1
    assert "maxImageMeta" not in absolute and "maxPersonality" not in absolute
    assert {"maxImageMeta", "maxPersonality", "maxSecurityGroups"} <= set(
        (await get(cloud, "/limits", "2.1", "demo"))["absolute"]
    )
    theirs = (await get(cloud, f"/limits?tenant_id={project}"))["absolute"]
    assert theirs == absolute
    below = await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 0}})
    assert below.status == 400 and "already used" in below.fault[1]
    forced = await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"instances": 0, "force": True}})
    assert forced.status == 200
    assert (await cloud.compute("DELETE", f"/os-quota-sets/{project}")).status == 202
    assert (await get(cloud, f"/os-quota-sets/{project}"))["instances"] == 10


async def test_quotas_of_users(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    server = await cloud.boot()
    path = f"/os-quota-sets/{project}?user_id={server['user_id']}"
    assert (await cloud.compute("PUT", path, {"quota_set": {"instances": 1}})).status == 200
    assert (await get(cloud, path))["instances"] == 1
    assert (await get(cloud, f"/os-quota-sets/{project}"))["instances"] == 10
    body = {"server": {"name": "two", "flavorRef": "1", "imageRef": cloud.image, "networks": "none"}}
    refused = await cloud.compute("POST", "/servers", body, user="demo", version="2.37")
    assert refused.status == 403 and "instances" in refused.fault[1]
    too_much = await cloud.compute("PUT", path, {"quota_set": {"instances": 99}})
    assert too_much.status == 400
    assert (await cloud.compute("DELETE", path)).status == 202
    assert (await cloud.compute("POST", "/servers", body, user="demo", version="2.37")).status == 202


async def test_classes_change_defaults(cloud: SimulatedCloud) -> None:
    changed = await cloud.compute("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"instances": 4}})
    assert changed.body["quota_class_set"]["instances"] == 4
    assert (await get(cloud, f"/os-quota-sets/{cloud.projects['demo']}"))["instances"] == 4
    await cloud.compute("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"instances": 10}})


@pytest.mark.parametrize(
    ("method", "path", "body", "version", "expected"),
    [
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"instances": -2}}, "2.1", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"instances": "many"}}, "2.1", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"instances": 2**31}}, "2.1", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"tanks": 1}}, "2.1", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"floating_ips": 1}}, "2.36", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"injected_files": 1}}, "2.57", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota": {}}, "2.1", 400),
        ("PUT", "/os-quota-sets/{demo}", {"quota_set": {"force": "maybe"}}, "2.1", 400),
        ("PUT", f"/os-quota-sets/{NOWHERE}", {"quota_set": {"instances": 1}}, "2.1", 400),
        ("GET", f"/os-quota-sets/{NOWHERE}", None, "2.1", 400),
        ("GET", f"/os-quota-sets/{NOWHERE}/detail", None, "2.1", 400),
        ("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"tanks": 1}}, "2.1", 400),
        ("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"instances": -2}}, "2.1", 400),
        ("PUT", "/os-quota-class-sets/default", {"quota_class_set": {"floating_ips": 2}}, "2.50", 400),
        ("GET", "/limits?colour=red", None, "2.75", 400),
        ("GET", "/os-simple-tenant-usage?start=x", None, "2.1", 400),
        ("GET", "/os-simple-tenant-usage?start=2021-01-01&end=2020-01-01", None, "2.1", 400),
        ("GET", "/os-simple-tenant-usage?start=2021-01-01&limit=x", None, "2.40", 400),
        ("GET", "/os-simple-tenant-usage?start=2021-01-01&marker=x", None, "2.40", 400),
    ],
)  # fmt: skip
async def test_refused(cloud: SimulatedCloud, method: str, path: str, body: Any, version: str, expected: int) -> None:
    answer = await cloud.compute(method, path.format(demo=cloud.projects["demo"]), body, version=version)
    assert (answer.status, answer.fault[0]) == (expected, "badRequest"), answer.text


async def test_members_see_and_do_not_change(cloud: SimulatedCloud) -> None:
    own, other = cloud.projects["demo"], cloud.projects["admin"]
    for method, path, body in (
        ("PUT", f"/os-quota-sets/{own}", {"quota_set": {"instances": 99}}),
        ("DELETE", f"/os-quota-sets/{own}", None),
        ("GET", f"/os-quota-sets/{other}", None),
        ("GET", f"/limits?tenant_id={other}", None),
        ("GET", f"/os-simple-tenant-usage/{other}", None),
    ):
        assert (await cloud.compute(method, path, body, user="demo")).status == 403


async def test_reports_of_use(cloud: SimulatedCloud) -> None:
    server = await cloud.boot(name="used", flavorRef="2")
    project = cloud.projects["demo"]
    window = f"start={iso_micro(utcnow() - timedelta(hours=1))}&end={iso_micro(utcnow() + timedelta(hours=1))}"
    whole = await get(cloud, f"/os-simple-tenant-usage/{project}?{window}", "2.1", "demo")
    (one,) = [one for one in whole["server_usages"] if one["instance_id"] == server["id"]]
    assert (one["flavor"], one["vcpus"], one["memory_mb"], one["local_gb"]) == ("m1.small", 1, 2048, 20)
    assert (one["state"], one["ended_at"]) == ("active", None)
    assert 0 < one["hours"] < 0.1
    everybody = await get(cloud, f"/os-simple-tenant-usage?{window}", "2.1")
    assert {report["tenant_id"] for report in everybody} == {project}
    assert "server_usages" not in everybody[0]
    detailed = await get(cloud, f"/os-simple-tenant-usage?{window}&detailed=1", "2.1")
    assert len(detailed[0]["server_usages"]) == len(whole["server_usages"])
    await cloud.boot(name="second")
    page = await cloud.compute("GET", f"/os-simple-tenant-usage/{project}?{window}&limit=1", version="2.40")
    assert len(page.body["tenant_usage"]["server_usages"]) == 1
    (link,) = page.body["tenant_usage_links"]
    following = await cloud.call("GET", link["href"].removeprefix("http://cloud.example"), version="2.40")
    assert len(following.body["tenant_usage"]["server_usages"]) == 1
    none = await get(cloud, f"/os-simple-tenant-usage/{project}?start=2001-01-01&end=2002-01-01", "2.1")
    assert none == {}
