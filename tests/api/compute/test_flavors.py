"""Flavors, extra specs and access lists over HTTP (FLV-001 to FLV-028)."""

from typing import Any

import pytest

from harness.simulated_cloud import SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW: dict[str, Any] = {"name": "f", "ram": 64, "vcpus": 1, "disk": 0}


async def make(cloud: SimulatedCloud, **fields: Any) -> dict[str, Any]:
    answer = await cloud.compute("POST", "/flavors", {"flavor": {**NEW, **fields}}, version="2.61")
    assert answer.status == 200, answer.text
    made: dict[str, Any] = answer.body["flavor"]
    return made


async def test_a_new_cloud_has_the_five_flavors(cloud: SimulatedCloud) -> None:
    answer = await cloud.compute("GET", "/flavors/detail", user="demo")
    rows = [(f["id"], f["name"], f["vcpus"], f["ram"], f["disk"]) for f in answer.body["flavors"] if len(f["id"]) == 1]
    assert rows == [
        ("1", "m1.tiny", 1, 512, 1),
        ("2", "m1.small", 1, 2048, 20),
        ("3", "m1.medium", 2, 4096, 40),
        ("4", "m1.large", 4, 8192, 80),
        ("5", "m1.xlarge", 8, 16384, 160),
    ]


@pytest.mark.parametrize(
    ("version", "more", "swap"),
    [
        ("2.1", {"rxtx_factor", "OS-FLV-DISABLED:disabled"}, ""),
        ("2.55", {"rxtx_factor", "OS-FLV-DISABLED:disabled", "description"}, ""),
        ("2.61", {"rxtx_factor", "OS-FLV-DISABLED:disabled", "description", "extra_specs"}, ""),
        ("2.75", {"rxtx_factor", "OS-FLV-DISABLED:disabled", "description", "extra_specs"}, 0),
        ("2.102", {"description", "extra_specs"}, 0),
    ],
)
async def test_fields_by_version(cloud: SimulatedCloud, version: str, more: set[str], swap: object) -> None:
    flavor = (await cloud.compute("GET", "/flavors/1", version=version)).body["flavor"]
    always = {"id", "name", "ram", "disk", "swap", "vcpus", "links", "OS-FLV-EXT-DATA:ephemeral"}
    assert set(flavor) == always | {"os-flavor-access:is_public"} | more
    assert flavor["swap"] == swap
    assert flavor["links"] == [
        {"rel": "self", "href": "http://cloud.example/compute/v2.1/flavors/1"},
        {"rel": "bookmark", "href": "http://cloud.example/compute/flavors/1"},
    ]


async def test_the_project_in_the_address(cloud: SimulatedCloud) -> None:
    project = cloud.projects["admin"]
    answer = await cloud.compute("GET", f"/{project}/flavors/1")
    assert answer.body["flavor"]["links"][0]["href"] == f"http://cloud.example/compute/v2.1/{project}/flavors/1"
    other = await cloud.compute("GET", f"/{cloud.projects['demo']}/flavors/1")
    assert other.status == 400 and other.fault[0] == "badRequest"


async def test_life(cloud: SimulatedCloud) -> None:
    made = await make(cloud, name="life", id="99", swap=512, description="for a test")
    assert (made["id"], made["swap"], made["description"], made["extra_specs"]) == ("99", 512, "for a test", {})
    changed = await cloud.compute("PUT", "/flavors/99", {"flavor": {"description": None}}, version="2.55")
    assert changed.body["flavor"]["description"] is None
    assert (await cloud.compute("DELETE", "/flavors/99")).status == 202
    assert (await cloud.compute("GET", "/flavors/99")).fault == ("itemNotFound", "Flavor 99 could not be found.")


async def test_ids_are_made_and_names_are_unique(cloud: SimulatedCloud) -> None:
    made = await make(cloud, name="unique", id=None)
    assert len(made["id"]) == 36
    again = await cloud.compute("POST", "/flavors", {"flavor": {**NEW, "name": "unique"}})
    assert (again.status, again.fault[0]) == (409, "conflictingRequest")
    same_id = await cloud.compute("POST", "/flavors", {"flavor": {**NEW, "name": "other", "id": made["id"]}})
    assert same_id.status == 409


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({"name": ""}, "2.1"),
        ({"name": " f"}, "2.1"),
        ({"name": "x" * 256}, "2.1"),
        ({"ram": 0}, "2.1"),
        ({"ram": "many"}, "2.1"),
        ({"vcpus": 0}, "2.1"),
        ({"vcpus": True}, "2.1"),
        ({"disk": -1}, "2.1"),
        ({"disk": 2**31}, "2.1"),
        ({"id": " 1"}, "2.1"),
        ({"id": "a/b"}, "2.1"),
        ({"swap": -1}, "2.1"),
        ({"rxtx_factor": 0}, "2.1"),
        ({"rxtx_factor": 1.0}, "2.102"),
        ({"os-flavor-access:is_public": "maybe"}, "2.1"),
        ({"description": "x"}, "2.54"),
        ({"description": "x" * 65536}, "2.55"),
        ({"unknown": 1}, "2.1"),
    ],
)
async def test_refused_bodies(cloud: SimulatedCloud, fields: dict[str, Any], version: str) -> None:
    before = (await cloud.compute("GET", "/flavors?is_public=None")).body["flavors"]
    answer = await cloud.compute("POST", "/flavors", {"flavor": {**NEW, "name": "refused", **fields}}, version=version)
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text
    assert (await cloud.compute("GET", "/flavors?is_public=None")).body["flavors"] == before


async def test_members_change_nothing(cloud: SimulatedCloud) -> None:
    answer = await cloud.compute("POST", "/flavors", {"flavor": NEW}, user="demo")
    rule = "os_compute_api:os-flavor-manage:create"
    assert answer.fault == ("forbidden", f"Policy doesn't allow {rule} to be performed.")
    assert (await cloud.compute("DELETE", "/flavors/1", user="demo")).status == 403


async def test_pages_and_order(cloud: SimulatedCloud) -> None:
    first = await cloud.compute("GET", "/flavors?limit=2&sort_key=vcpus&sort_dir=desc&minRam=512")
    assert [f["id"] for f in first.body["flavors"]] == ["5", "4"]
    link = first.body["flavors_links"][0]["href"]
    assert link.startswith("http://cloud.example/compute/v2.1/flavors?") and "marker=4" in link
    second = await cloud.call("GET", link.removeprefix("http://cloud.example"))
    assert second.body["flavors"][0]["id"] == "3"
    assert (await cloud.compute("GET", "/flavors?limit=0")).body == {"flavors": []}


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ("limit=-1", "2.1"),
        ("limit=a", "2.1"),
        ("marker=none", "2.1"),
        ("minRam=lots", "2.1"),
        ("sort_key=colour", "2.1"),
        ("sort_dir=up", "2.1"),
        ("is_public=maybe", "2.1"),
        ("name=m1.tiny", "2.101"),
        ("colour=red", "2.75"),
        ("sort_key=rxtx_factor", "2.102"),
    ],
)
async def test_refused_queries(cloud: SimulatedCloud, query: str, version: str) -> None:
    answer = await cloud.compute("GET", f"/flavors?{query}", version=version)
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text


async def test_names_are_a_filter_from_2_102(cloud: SimulatedCloud) -> None:
    found = await cloud.compute("GET", "/flavors?name=m1.tiny", version="2.102")
    assert [f["id"] for f in found.body["flavors"]] == ["1"]


async def test_private_flavors(cloud: SimulatedCloud) -> None:
    made = await make(cloud, name="private", **{"os-flavor-access:is_public": False})
    path, demo = f"/flavors/{made['id']}", cloud.projects["demo"]
    assert (await cloud.compute("GET", path, user="demo")).status == 404
    given = await cloud.compute("POST", f"{path}/action", {"addTenantAccess": {"tenant": demo}})
    assert given.body == {"flavor_access": [{"flavor_id": made["id"], "tenant_id": demo}]}
    assert (await cloud.compute("GET", path, user="demo")).status == 200
    listed = await cloud.compute("GET", "/flavors", user="demo")
    assert made["id"] in [flavor["id"] for flavor in listed.body["flavors"]]
    again = await cloud.compute("POST", f"{path}/action", {"addTenantAccess": {"tenant": demo}})
    assert again.status == 409
    taken = await cloud.compute("POST", f"{path}/action", {"removeTenantAccess": {"tenant": demo}})
    assert taken.body == {"flavor_access": []}
    assert (await cloud.compute("POST", f"{path}/action", {"removeTenantAccess": {"tenant": demo}})).status == 404


async def test_access_refusals(cloud: SimulatedCloud) -> None:
    demo = cloud.projects["demo"]
    public = {"addTenantAccess": {"tenant": demo}}
    assert (await cloud.compute("POST", "/flavors/1/action", public, version="2.7")).status == 409
    assert (await cloud.compute("GET", "/flavors/1/os-flavor-access")).status == 404
    made = await make(cloud, name="for-nobody", **{"os-flavor-access:is_public": False})
    unknown = await cloud.compute(
        "POST", f"/flavors/{made['id']}/action", {"addTenantAccess": {"tenant": "nobody"}}, version="2.7"
    )
    assert unknown.fault == ("badRequest", "Project ID nobody is not a valid project.")
    for body in ({}, {"dance": None}, [], {"addTenantAccess": {}}, {**public, "more": 1}):
        assert (await cloud.compute("POST", "/flavors/1/action", body)).status == 400, body


async def test_extra_specs(cloud: SimulatedCloud) -> None:
    made = await make(cloud, name="specs")
    path = f"/flavors/{made['id']}/os-extra_specs"
    answer = await cloud.compute("POST", path, {"extra_specs": {"hw:numa_nodes": 1, "own": "x"}})
    assert answer.body == {"extra_specs": {"hw:numa_nodes": 1, "own": "x"}}
    assert (await cloud.compute("GET", path, user="demo")).body == {"extra_specs": {"hw:numa_nodes": "1", "own": "x"}}
    assert (await cloud.compute("PUT", f"{path}/own", {"own": "y"})).body == {"own": "y"}
    assert (await cloud.compute("GET", f"{path}/own")).body == {"own": "y"}
    assert (await cloud.compute("DELETE", f"{path}/own")).status == 200
    assert (await cloud.compute("GET", f"{path}/own")).status == 404
    assert (await cloud.compute("DELETE", f"{path}/own")).status == 404
    assert (await cloud.compute("PUT", f"{path}/own", {"other": "y"})).status == 400
    assert (await cloud.compute("POST", path, {"extra_specs": {"own": "z"}}, user="demo")).status == 403


@pytest.mark.parametrize(
    ("key", "value", "before", "since_2_86"),
    [
        ("hw:numa_nodes", "1", 200, 200),
        ("hw:numa_nodes", "none", 200, 400),
        ("hw:nonsense", "1", 200, 400),
        ("own:nonsense", "1", 200, 200),
        ("SpecialComp", "True", 200, 200),
        ("capabilities:boot_option", "local", 200, 400),
        ("bad/key", "1", 400, 400),
        ("own", "x" * 256, 400, 400),
        ("own", None, 400, 400),
    ],
)
async def test_checks_of_extra_specs(
    cloud: SimulatedCloud, key: str, value: object, before: int, since_2_86: int
) -> None:
    for version, status in (("2.85", before), ("2.86", since_2_86)):
        body = {"extra_specs": {key: value}}
        answer = await cloud.compute("POST", "/flavors/1/os-extra_specs", body, version=version)
        assert answer.status == status, answer.text
    await cloud.compute("DELETE", f"/flavors/1/os-extra_specs/{key}")
