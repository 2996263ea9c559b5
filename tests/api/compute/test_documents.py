"""Versions, negotiation and extensions: how clients find their way (LAUNCH-001, API-surface)."""

import pytest

from harness.simulated_cloud import SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("path", ["/compute", "/compute/", "/compute/v2.1", "/compute/v2.1/", "/compute/v2"])
async def test_documents_need_no_token(cloud: SimulatedCloud, path: str) -> None:
    answer = await cloud.call("GET", path, user=None)
    assert answer.status == 200
    body = answer.body
    versions = {one["id"]: one for one in body.get("versions", [body.get("version")])}
    if "v2.1" in versions:
        newest = versions["v2.1"]
        assert (newest["status"], newest["version"], newest["min_version"]) == ("CURRENT", "2.104", "2.1")
        assert newest["links"][0]["href"] == "http://cloud.example/compute/v2.1/"
    else:
        assert (versions["v2.0"]["version"], versions["v2.0"]["min_version"]) == ("", "")


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, "2.1"),
        ({"OpenStack-API-Version": "compute 2.50"}, "2.50"),
        ({"OpenStack-API-Version": "identity 3.5, compute 2.60"}, "2.60"),
        ({"X-OpenStack-Nova-API-Version": "2.26"}, "2.26"),
        ({"OpenStack-API-Version": "compute latest"}, "2.104"),
        ({"X-OpenStack-Nova-API-Version": "latest"}, "2.104"),
        ({"OpenStack-API-Version": "compute 2.30", "X-OpenStack-Nova-API-Version": "2.26"}, "2.30"),
        ({"OpenStack-API-Version": "volume 3.1"}, "2.1"),
    ],
)
async def test_versions_are_negotiated(cloud: SimulatedCloud, headers: dict[str, str], version: str) -> None:
    answer = await cloud.compute("GET", "/flavors", headers=headers)
    assert answer.status == 200
    assert answer.headers["OpenStack-API-Version"] == f"compute {version}"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == version
    assert {"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"} <= {
        name.strip() for name in answer.headers["Vary"].split(",")
    }
    assert answer.headers["X-Compute-Request-Id"] == answer.headers["X-OpenStack-Request-Id"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [("2.105", 406), ("3.0", 406), ("1.9", 406), ("2", 400), ("two", 400), ("2.01", 400), ("", 400)],
)
async def test_versions_that_do_not_exist(cloud: SimulatedCloud, asked: str, status: int) -> None:
    answer = await cloud.compute("GET", "/flavors", headers={"OpenStack-API-Version": f"compute {asked}"})
    assert answer.status == status, answer.text
    assert answer.fault[0] in ("computeFault", "badRequest")


async def test_projects_in_addresses(cloud: SimulatedCloud) -> None:
    own, other = cloud.projects["demo"], cloud.projects["admin"]
    for folder in ("v2.1", "v2"):
        assert (await cloud.call("GET", f"/compute/{folder}/{own}/flavors", user="demo")).status == 200
        wrong = await cloud.call("GET", f"/compute/{folder}/{other}/flavors", user="demo")
        assert wrong.status == 400 and "Malformed request URL" in wrong.fault[1]


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/flavors/1/nothing", 404), ("/remote-consoles", 404), ("/os-cells", 404)]
)
async def test_what_is_not_there(cloud: SimulatedCloud, path: str, status: int) -> None:
    answer = await cloud.compute("GET", path)
    assert (answer.status, answer.fault[0]) == (status, "itemNotFound")
    assert (await cloud.compute("GET", path, user=None)).status == 401


async def test_extensions(cloud: SimulatedCloud) -> None:
    found = (await cloud.compute("GET", "/extensions", user="demo")).body["extensions"]
    assert {"os-keypairs", "os-server-groups"} <= {one["alias"] for one in found}
    one = (await cloud.compute("GET", "/extensions/os-keypairs", user="demo")).body["extension"]
    assert one in found
    assert (await cloud.compute("GET", "/extensions/os-magic", user="demo")).status == 404
