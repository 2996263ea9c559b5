"""Explanations and what-if over HTTP: counts for users, hosts for administrators."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from unit.scheduler.support import add_hosts, make_kit, report, request
from unkai.kernel.context import Context
from unkai.kernel.errors import Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.web.app import Application
from unkai.scheduler import room, service
from unkai.scheduler.settings import FilterScheduler


async def authenticate(token: str) -> Context:
    who = {
        "admin": Context(user_id="a", project_id="p0", roles=("admin", "member", "reader")),
        "user": Context(user_id="u", project_id="p1", roles=("member", "reader")),
        "stranger": Context(user_id="s", project_id="p2", roles=("member", "reader")),
        "nobody": Context(user_id="n", project_id="p1", roles=()),
    }.get(token)
    if who is None:
        raise Unauthorized
    return who


class Client:
    def __init__(self, http: httpx2.AsyncClient, kit: Kit) -> None:
        self.http, self.kit = http, kit

    async def get(self, path: str, token: str = "user") -> httpx2.Response:
        return await self.http.get("/unkai/v1" + path, headers={"X-Auth-Token": token})

    async def what_if(self, needs: Any, token: str = "user") -> httpx2.Response:
        return await self.http.post("/unkai/v1/what-if", json={"what_if": needs}, headers={"X-Auth-Token": token})


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Client]:
    kit = make_kit(
        tmp_path, FilterScheduler(enabled_filters=["ComputeFilter", "AvailabilityZoneFilter", "JsonFilter"])
    )
    kit.authenticate = authenticate
    built = room.build(kit)
    kit.policy = Policy(built.policies)
    add_hosts(kit, report("h1"), report("h2"))
    transport = httpx2.ASGITransport(Application(kit, [built]).asgi)
    async with httpx2.AsyncClient(transport=transport, base_url="http://cloud") as http:
        yield Client(http, kit)
    kit.db.close()


async def test_users_see_counts_and_administrators_hosts(call: Client) -> None:
    asked = request(resources={"VCPU": 1, "MEMORY_MB": 10**6})
    await call.kit.db.run(service.place, call.kit, asked)
    (mine,) = (await call.get(f"/explanations?server_id={asked.server_id}")).json()["explanations"]
    assert mine["outcome"] == "refused"
    assert mine["refused_by"] == {"MEMORY_MB": 2}
    assert "h1" not in str(mine)
    (all_of_it,) = (await call.get(f"/explanations?server_id={asked.server_id}", "admin")).json()["explanations"]
    assert [(one["host"], one["rule"], one["needed"], one["had"]) for one in all_of_it["refused"]] == [
        ("h1", "MEMORY_MB", "1000000 MEMORY_MB", "7680 of 7680 free"),
        ("h2", "MEMORY_MB", "1000000 MEMORY_MB", "7680 of 7680 free"),
    ]
    one = (await call.get(f"/explanations/{mine['id']}", "admin")).json()["explanation"]
    assert one == all_of_it


async def test_a_placed_server_is_explained_too(call: Client) -> None:
    asked = request()
    await call.kit.db.run(service.place, call.kit, asked)
    (one,) = (await call.get(f"/explanations?server_id={asked.server_id}", "admin")).json()["explanations"]
    assert (one["outcome"], one["host"]) == ("placed", "h1")
    assert [candidate["host"] for candidate in one["passed"]] == ["h1", "h2"]
    assert set(one["passed"][0]["parts"]) >= {"RAMWeigher"}


async def test_other_projects_see_nothing(call: Client) -> None:
    asked = request()
    await call.kit.db.run(service.place, call.kit, asked)
    path = f"/explanations?server_id={asked.server_id}"
    assert (await call.get(path, "stranger")).json() == {"explanations": []}
    explanation = (await call.get(path)).json()["explanations"][0]["id"]
    assert (await call.get(f"/explanations/{explanation}", "stranger")).status_code == 404
    assert (await call.get(path, "nobody")).status_code == 403
    assert (await call.get(path, "forged")).status_code == 401


@pytest.mark.parametrize("query", ["", "?server_id=", "?server_id=x", "?server_id=%27%3B"])
async def test_which_server_has_to_be_said(call: Client, query: str) -> None:
    assert (await call.get(f"/explanations{query}")).status_code == 400


async def test_limits(call: Client) -> None:
    asked = request()
    for _ in range(3):
        await call.kit.db.run(service.place, call.kit, asked)
    path = f"/explanations?server_id={asked.server_id}"
    assert len((await call.get(path + "&limit=2")).json()["explanations"]) == 2
    assert (await call.get(path + "&limit=0")).status_code == 400
    assert (await call.get(path + "&limit=many")).status_code == 400


async def test_what_if(call: Client) -> None:
    answer = (await call.what_if({"resources": {"VCPU": 1, "MEMORY_MB": 1024}})).json()["what_if"]
    assert (answer["possible"], answer["fits"], answer["hosts"]) == (True, 14, 2)
    assert "host" not in answer
    answer = (await call.what_if({"resources": {"VCPU": 1}}, "admin")).json()["what_if"]
    assert answer["host"] == "h1"
    answer = (await call.what_if({"resources": {"VCPU": 1}, "zone": "nowhere"})).json()["what_if"]
    assert (answer["possible"], answer["fits"]) == (False, 0)
    assert "AvailabilityZoneFilter" in answer["message"]


@pytest.mark.parametrize(
    "needs",
    [
        {},
        {"resources": {}},
        {"resources": {"VCPU": -1}},
        {"resources": {"VCPU": 1.5}},
        {"resources": {"VCPU": 2**31}},
        {"resources": {"VCPU": 1}, "forced_host": "h1"},
        {"resources": {"VCPU": 1}, "required_traits": "X"},
        {"resources": {"VCPU": 1}, "zone": ""},
        {"resources": {"VCPU": 1}, "hints": {"query": "no json"}},
        {"resources": {f"C{number}": 1 for number in range(60)}},
        None,
        7,
    ],
)
async def test_what_if_of_nonsense(call: Client, needs: Any) -> None:
    refused = await call.what_if(needs)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"]


async def test_unknown_classes_and_traits_fit_nowhere(call: Client) -> None:
    answer = (await call.what_if({"resources": {"CUSTOM_NOTHING": 1}})).json()["what_if"]
    assert answer["refused_by"] == {"CUSTOM_NOTHING": 2}
    answer = (await call.what_if({"resources": {"VCPU": 1}, "required_traits": ["NO_SUCH"]})).json()["what_if"]
    assert answer["refused_by"] == {"trait:NO_SUCH=required": 2}
