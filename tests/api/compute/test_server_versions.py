"""Which field of a server comes and goes with which version, in GET and in PUT (history of microversions)."""

from typing import Any

import pytest
import pytest_asyncio

from harness.simulated_cloud import SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE = {
    "OS-DCF:diskConfig", "OS-EXT-AZ:availability_zone", "OS-EXT-STS:power_state", "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "accessIPv4", "accessIPv6",
    "addresses", "config_drive", "created", "flavor", "hostId", "id", "image", "key_name", "links", "metadata",
    "name", "os-extended-volumes:volumes_attached", "progress", "security_groups", "status", "tenant_id", "updated",
    "user_id",
}  # fmt: skip
ADMIN = {"OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name", "OS-EXT-SRV-ATTR:hypervisor_hostname"}
_ADMIN_3 = "hostname kernel_id launch_index ramdisk_id reservation_id root_device_name user_data"
ADMIN_3 = {f"OS-EXT-SRV-ATTR:{name}" for name in _ADMIN_3.split()}
PUT = {
    "OS-DCF:diskConfig", "accessIPv4", "accessIPv6", "addresses", "created", "flavor", "hostId", "id", "image",
    "links", "metadata", "name", "progress", "status", "tenant_id", "updated",
    "user_id",
}  # fmt: skip
# (since, what members see from then on, what administrators see besides)
STEPS: list[tuple[int, set[str], set[str]]] = [
    (1, BASE, ADMIN),
    (3, set(), ADMIN_3),
    (9, {"locked"}, set()),
    (16, set(), {"host_status"}),
    (19, {"description"}, set()),
    (26, {"tags"}, set()),
    (63, {"trusted_image_certificates"}, set()),
    (71, {"server_groups"}, set()),
    (73, {"locked_reason"}, set()),
    (90, {"OS-EXT-SRV-ATTR:hostname"}, set()),
    (96, {"pinned_availability_zone"}, set()),
    (100, {"scheduler_hints"}, set()),
]
# What a PUT has shown since the version that brought the field; the rest only from 2.75 on.
PUT_EARLY = {"locked", "description", "tags", "trusted_image_certificates", "server_groups", "locked_reason"}


def expected(minor: int, *, admin: bool) -> set[str]:
    return {
        name for since, everybody, more in STEPS if since <= minor for name in everybody | (more if admin else set())
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(cloud: SimulatedCloud) -> str:
    network = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "net"}}, user="demo")
    net = network.body["network"]["id"]
    subnet = {"network_id": net, "ip_version": 4, "cidr": "10.6.0.0/24"}
    await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    return str((await cloud.boot(networks=[{"uuid": net}]))["id"])


@pytest.mark.parametrize("minor", sorted({minor for since, _, _ in STEPS for minor in (since, since - 1) if minor}))
async def test_get(cloud: SimulatedCloud, one: str, minor: int) -> None:
    for user in ("demo", "admin"):
        wanted = expected(minor, admin=user == "admin")
        shown = await cloud.server(one, user=user, version=f"2.{minor}")
        assert set(shown) == wanted
        listed = await cloud.compute("GET", "/servers/detail?all_tenants=1" if user == "admin" else "/servers/detail",
                                     user=user, version=f"2.{minor}")  # fmt: skip
        assert set(listed.body["servers"][0]) == wanted - {"server_groups"}


@pytest.mark.parametrize("minor", [1, 8, 9, 19, 26, 63, 71, 73, 74])
async def test_put_before_275(cloud: SimulatedCloud, one: str, minor: int) -> None:
    answer = await cloud.compute(
        "PUT", f"/servers/{one}", {"server": {"name": "n"}}, user="demo", version=f"2.{minor}"
    )
    assert answer.status == 200
    assert set(answer.body["server"]) == PUT | (expected(minor, admin=False) & PUT_EARLY)


@pytest.mark.parametrize("minor", [75, 90, 104])
async def test_put_is_the_whole_from_275(cloud: SimulatedCloud, one: str, minor: int) -> None:
    body = {"server": {"name": f"n{minor}"}}
    answer = await cloud.compute("PUT", f"/servers/{one}", body, user="demo", version=f"2.{minor}")
    shown = await cloud.server(one, user="demo", version=f"2.{minor}")
    assert answer.body["server"] == shown
    assert shown["name"] == f"n{minor}"


async def test_flavor_inside(cloud: SimulatedCloud, one: str) -> None:
    old = (await cloud.server(one, version="2.46"))["flavor"]
    assert set(old) == {"id", "links"} and old["links"][0]["href"].endswith("/flavors/1")
    new = (await cloud.server(one, version="2.47"))["flavor"]
    assert new == {
        "vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "m1.tiny", "extra_specs": {},
    }  # fmt: skip
    assert set((await cloud.server(one, version="2.97"))["image"]) == {"id", "links"}
    assert set((await cloud.server(one, version="2.98"))["image"]) == {"id", "links", "properties"}


@pytest.mark.parametrize(
    ("fields", "minor", "status"),
    [
        ({"name": "x"}, 1, 200),
        ({"name": ""}, 1, 400),
        ({"name": "x" * 256}, 1, 400),
        ({"name": None}, 1, 400),
        ({}, 1, 200),
        ({"colour": "red"}, 1, 400),
        ({"accessIPv4": "10.0.0.300"}, 1, 400),
        ({"accessIPv4": ""}, 1, 400),
        ({"accessIPv6": "fe80::1"}, 1, 200),
        ({"OS-DCF:diskConfig": "AUTO"}, 1, 200),
        ({"OS-DCF:diskConfig": "auto"}, 1, 400),
        ({"description": "d"}, 18, 400),
        ({"description": None}, 19, 200),
        ({"description": "x" * 256}, 19, 400),
        ({"hostname": "web"}, 89, 400),
        ({"hostname": "web"}, 90, 200),
        ({"hostname": "a.b"}, 90, 400),
        ({"hostname": "a.b"}, 94, 200),
        ({"hostname": "-a"}, 93, 400),
        ({"hostname": "a b"}, 104, 400),
        ({"pinned_availability_zone": None}, 103, 400),
        ({"pinned_availability_zone": None}, 104, 200),
        ({"metadata": {}}, 104, 400),
    ],
)
async def test_put_takes(cloud: SimulatedCloud, one: str, fields: dict[str, Any], minor: int, status: int) -> None:
    before = await cloud.server(one)
    answer = await cloud.compute("PUT", f"/servers/{one}", {"server": fields}, user="demo", version=f"2.{minor}")
    assert answer.status == status, answer.text
    if status != 200:
        assert await cloud.server(one) == before


async def test_a_name_reaches_the_guest(cloud: SimulatedCloud, one: str) -> None:
    await cloud.compute("PUT", f"/servers/{one}", {"server": {"name": "renamed", "hostname": "there"}}, version="2.90")

    async def told() -> bool:
        data = cloud.guest_data(one)
        return data.name == "renamed" and data.hostname.startswith("there")

    await cloud.until(told)
