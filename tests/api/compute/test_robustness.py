"""Whatever is sent to whichever route, on both databases: an answer below 500, in upstream's form."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.simulated_cloud import SimulatedCloud
from unkai.compute import room
from unkai.compute.api import server_filters
from unkai.compute.api.routes import Endpoint

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS: list[Endpoint] = [endpoint for resource in room._RESOURCES for endpoint in resource.ENDPOINTS]
NOWHERE = "00000000-0000-0000-0000-000000000000"
ODD = [
    "%00", "x" * 300, "%ff", "%ed%a0%80", "%F0%9F%92%A5", "-1", "0", "99999999999999999999", "'", "%25", "a%0Ab",
    NOWHERE,
]  # fmt: skip
VERSIONS = ("2.1", "2.53", "2.104")
VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 1e400, "", "x", "\0", "\ud800", "x" * 70000, [], [None], {}, {"a": None}, {"\0": "x"},
    NOWHERE,
]  # fmt: skip


def well_formed(status: int, body: Any) -> bool:
    if status < 400:
        return True
    name, content = next(iter(body.items()))
    return status < 500 and len(body) == 1 and isinstance(name, str) and content["code"] == status


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
async def test_names_in_addresses(cloud: SimulatedCloud, endpoint: Endpoint) -> None:
    chance = random.Random(endpoint.path)
    for odd in ODD if "{" in endpoint.path else ["x"]:
        path = re.sub(r"\{[^}]*\}", odd, endpoint.path)
        body = {} if endpoint.method in ("POST", "PUT") else None
        answer = await cloud.compute(endpoint.method, path, body, version=chance.choice(VERSIONS))
        silent = answer.status == 501 and "os-hosts" in path
        assert silent or well_formed(answer.status, answer.body), (path, answer.status, answer.text)


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if one.method == "GET" and "{" not in one.path], ids=lambda one: one.path
)
async def test_queries(cloud: SimulatedCloud, endpoint: Endpoint) -> None:
    chance = random.Random(endpoint.path)
    for name in sorted({*endpoint.names.at(104), "limit", "marker", "x" * 300, "%00", "all_tenants"}):
        for odd in chance.sample(ODD, 3):
            answer = await cloud.compute("GET", f"{endpoint.path}?{name}={odd}", version=chance.choice(VERSIONS))
            assert well_formed(answer.status, answer.body), (endpoint.path, name, odd, answer.status, answer.text)


async def test_all_filters_together(cloud: SimulatedCloud) -> None:
    """Every filter of the list of servers, with values that are in order, reaches the database."""
    good = {
        "changes-since": "2020-01-01T00:00:00Z", "changes-before": "2990-01-01", "created_at": "2020-01-01",
        "launched_at": "2020-01-01", "terminated_at": "2020-01-01", "locked": "true", "sort_key": "uuid", "marker": "",
        "sort_dir": "asc", "status": "ACTIVE", "limit": "5", "all_tenants": "1", "deleted": "0",
    }  # fmt: skip
    skipped = {"marker", *server_filters._FORBIDDEN}
    pairs = [f"{name}={good.get(name, 'x')}" for name in server_filters.NAMES.at(104) if name not in skipped]
    for query in (*pairs, "&".join(pairs)):
        answer = await cloud.compute("GET", f"/servers/detail?{query}", version="2.104")
        assert answer.status == 200, (query, answer.text)


SERVER = {
    "name": "n", "flavorRef": "1", "imageRef": NOWHERE, "networks": [{"uuid": NOWHERE, "fixed_ip": "10.0.0.1"}],
    "metadata": {"a": "b"}, "security_groups": [{"name": "d"}], "user_data": "QUJD", "key_name": "k", "tags": ["t"],
    "availability_zone": "nova", "min_count": 1, "max_count": 1, "config_drive": True, "adminPass": "p",
    "block_device_mapping_v2": [
        {"source_type": "image", "destination_type": "local", "uuid": NOWHERE, "boot_index": 0, "volume_size": 1}
    ],
    "accessIPv4": "10.0.0.1", "accessIPv6": "::1", "description": "d", "hostname": "h", "host": "x",
}  # fmt: skip
GROUP = {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 1}}
BODIES: dict[str, Any] = {
    "/servers": {"server": SERVER, "os:scheduler_hints": {"group": NOWHERE, "query": "[]", "same_host": NOWHERE}},
    "/flavors": {"flavor": {"name": "f", "ram": 1, "vcpus": 1, "disk": 1, "id": "f", "rxtx_factor": 1.0, "swap": 0}},
    "/flavors/1/os-extra_specs": {"extra_specs": {"hw:cpu_policy": "shared", "x": "y"}},
    "/flavors/1/action": {"addTenantAccess": {"tenant": "t"}},
    "/os-keypairs": {"keypair": {"name": "k", "public_key": "ssh-rsa AAAA", "type": "ssh", "user_id": "u"}},
    "/os-server-groups": {"server_group": GROUP},
    "/os-aggregates": {"aggregate": {"name": "a", "availability_zone": "z"}},
    f"/servers/{NOWHERE}/action": {"reboot": {"type": "HARD"}},
}


def spoilt(body: Any) -> Iterator[Any]:
    """The body with one value after the other replaced by each of VALUES, with a part left out, with a part more."""
    if isinstance(body, dict):
        for key, value in body.items():
            for worse in spoilt(value):
                yield {**body, key: worse}
            yield {other: kept for other, kept in body.items() if other != key}
        yield {**body, "unknown": 1}
    elif isinstance(body, list):
        for worse in spoilt(body[0]):
            yield [worse]
    yield from VALUES


@pytest.mark.parametrize("path", BODIES)
async def test_bodies(cloud: SimulatedCloud, path: str) -> None:
    """Whole trees of bad bodies: refused with a reason, or taken."""
    chance = random.Random(path)
    worse = list(spoilt(BODIES[path]))
    for body in chance.sample(worse, min(len(worse), 80)):
        text = json.dumps(body).encode()
        version = chance.choice(("2.1", "2.56", "2.64", "2.86", "2.90", "2.104"))
        headers = {"Content-Type": "application/json"}
        answer = await cloud.compute("POST", path, content=text, version=version, headers=headers)
        assert well_formed(answer.status, answer.body), (body, version, answer.status, answer.text)
    await cloud.forget()
