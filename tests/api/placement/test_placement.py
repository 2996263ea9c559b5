"""Placement's API in dialogues: what upstream's own suite does not ask, and what bad clients send."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.placement.support import PROJECT, Client, placement, uid
from unkai.placement.settings import PlacementOptions

A, B, C = uid("a"), uid("b"), uid("consumer")


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Client]:
    async with placement(tmp_path) as client:
        yield client


def detail(response: Any) -> str:
    (error,) = response.json()["errors"]
    assert error["status"] == response.status_code
    assert error["request_id"].startswith("req-")
    text: str = error["detail"]
    return text


def claim(provider: str, amounts: dict[str, int], generation: int | None = None) -> dict[str, Any]:
    return {
        "allocations": {provider: {"resources": amounts}},
        "project_id": PROJECT,
        "user_id": "u",
        "consumer_generation": generation,
        "consumer_type": "INSTANCE",
    }


# ---- versions, headers, who may ----


async def test_the_root_needs_no_token_and_tells_its_versions(call: Client) -> None:
    found = await call("GET", "/", token=None, version=None)
    assert found.status_code == 200
    (version,) = found.json()["versions"]
    assert (version["min_version"], version["max_version"]) == ("1.0", "1.39")
    assert found.headers["OpenStack-API-Version"] == "placement 1.0"


@pytest.mark.parametrize(("version", "status"), [("1.40", 406), ("2.0", 406), ("0.9", 400), ("1", 400), ("one", 400)])
async def test_unknown_microversions(call: Client, version: str, status: int) -> None:
    refused = await call("GET", "/resource_providers", version=version)
    assert refused.status_code == status
    if status == 406:
        assert refused.json()["errors"][0]["max_version"] == "1.39"


async def test_latest_and_no_version(call: Client) -> None:
    latest = await call("GET", "/resource_providers", version="latest")
    assert latest.headers["OpenStack-API-Version"] == "placement 1.39"
    oldest = await call("GET", "/resource_providers", version=None)
    assert oldest.headers["OpenStack-API-Version"] == "placement 1.0"
    assert "last-modified" not in oldest.headers


@pytest.mark.parametrize(
    ("method", "path", "since"),
    [
        ("GET", "/traits", 6),
        ("GET", "/resource_classes", 2),
        ("GET", f"/resource_providers/{A}/aggregates", 1),
        ("GET", f"/resource_providers/{A}/traits", 6),
        ("GET", "/usages?project_id=p", 9),
        ("GET", "/allocation_candidates?resources=VCPU:1", 10),
        ("POST", "/allocations", 13),
        ("POST", "/reshaper", 30),
    ],
)
async def test_routes_exist_since_their_version(call: Client, method: str, path: str, since: int) -> None:
    await call.provide("a", {})
    assert (await call(method, path, version=f"1.{since - 1}")).status_code == 404
    assert (await call(method, path, version=f"1.{since}")).status_code in (200, 400, 415)


@pytest.mark.parametrize(("token", "status"), [("reader", 403), ("system", 403), ("service", 200), ("admin", 200)])
async def test_who_may_see_providers(call: Client, token: str, status: int) -> None:
    assert (await call("GET", "/resource_providers", token=token)).status_code == status


async def test_a_reader_sees_the_usage_of_its_own_project_only(call: Client) -> None:
    assert (await call("GET", f"/usages?project_id={PROJECT}", token="reader")).status_code == 200
    assert (await call("GET", "/usages?project_id=another", token="reader")).status_code == 403
    assert (await call("GET", "/usages?project_id=another")).json() == {"usages": {}}


async def test_bad_tokens_are_refused_before_anything_is_read(call: Client) -> None:
    for token in (None, "", "nonsense"):
        refused = await call("PUT", f"/allocations/{C}", b"{", token=token)
        assert refused.status_code == 401
        assert "WWW-Authenticate" in refused.headers


# ---- bodies ----


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "Malformed JSON"),
        (b"{", 400, "Malformed JSON"),
        (b"[" * 100_000, 400, ""),
        (b'"text"', 400, "JSON does not validate"),
        (b"{}", 400, "'name' is a required property"),
        (b'{"name": 7}', 400, "is not of type 'string'"),
        (b'{"name": ""}', 400, "JSON does not validate"),
        (b'{"name": "x", "color": "blue"}', 400, "Additional properties are not allowed"),
        (b'{"name": "x", "uuid": "not one"}', 400, "Failed validating 'format'"),
        (b'{"name": "x", "parent_provider_uuid": "00000000-0000-0000-0000-000000000000"}', 400, "does not exist"),
        (b'{"name": "\\ud800"}', 400, ""),
        (b'{"name": "' + b"x" * 201 + b'"}', 400, "Failed validating 'maxLength'"),
        (b'{"name": "' + b"x" * 200_000 + b'"}', 413, ""),
    ],
)
async def test_bodies_that_are_no_provider(call: Client, body: bytes, status: int, reason: str) -> None:
    refused = await call("POST", "/resource_providers", body)
    assert refused.status_code == status
    assert reason in detail(refused)
    assert (await call("GET", "/resource_providers")).json() == {"resource_providers": []}


async def test_the_content_type_has_to_be_json(call: Client) -> None:
    refused = await call("POST", "/resource_providers", b"name=x", Content_Type="application/x-www-form-urlencoded")
    assert refused.status_code == 415


@pytest.mark.parametrize(
    "fields",
    [
        {"total": 0},
        {"total": -1},
        {"total": 1.5},
        {"total": "8"},
        {"total": True},
        {"total": 2**31},
        {"total": 8, "reserved": -1},
        {"total": 8, "reserved": 9},
        {"total": 8, "min_unit": 0},
        {"total": 8, "max_unit": 0},
        {"total": 8, "step_size": 0},
        {"total": 8, "allocation_ratio": 0},
        {"total": 8, "allocation_ratio": -1.0},
        {"total": 8, "allocation_ratio": 1e39},
        {"total": 8, "used": 1},
        {"reserved": 1},
        None,
    ],
)
async def test_impossible_inventories(call: Client, fields: Any) -> None:
    await call.provide("a", {"VCPU": 4})
    path = f"/resource_providers/{A}/inventories"
    before = (await call("GET", path)).json()
    body = {"inventories": {"VCPU": fields}, "resource_provider_generation": before["resource_provider_generation"]}
    assert (await call("PUT", path, body)).status_code == 400
    assert (await call("GET", path)).json() == before


async def test_unknown_classes_and_traits_are_refused_by_name(call: Client) -> None:
    await call.provide("a", {})
    path = f"/resource_providers/{A}"
    body: dict[str, Any] = {"inventories": {"NO_SUCH": {"total": 1}}, "resource_provider_generation": 0}
    assert "NO_SUCH" in detail(await call("PUT", f"{path}/inventories", body))
    body = {"traits": ["CUSTOM_NOT_YET", "HW_NONSENSE"], "resource_provider_generation": 0}
    refused = await call("PUT", f"{path}/traits", body)
    assert refused.status_code == 400
    assert "CUSTOM_NOT_YET, HW_NONSENSE" in detail(refused)
    for name in ("NO_PREFIX", "CUSTOM_lower", "CUSTOM_" + "X" * 250, "CUSTOM_Ü"):
        assert (await call("PUT", f"/traits/{name}")).status_code == 400
        assert (await call("PUT", f"/resource_classes/{name}")).status_code == 400
    assert (await call("DELETE", "/traits/HW_CPU_X86_AVX2")).status_code == 400
    assert (await call("DELETE", "/resource_classes/VCPU")).status_code == 400
    assert (await call("GET", "/traits/CUSTOM_NOT_YET")).status_code == 404


async def test_wrong_generations_conflict_and_change_nothing(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    for part, content in (("inventories", {}), ("traits", []), ("aggregates", [])):
        refused = await call(
            "PUT", f"/resource_providers/{A}/{part}", {part: content, "resource_provider_generation": 7}
        )
        assert refused.status_code == 409
        assert refused.json()["errors"][0]["code"] == "placement.concurrent_update"
    assert (await call("GET", f"/resource_providers/{A}")).json()["generation"] == 1


# ---- allocations ----


@pytest.mark.parametrize(
    "amounts",
    [{"VCPU": 0}, {"VCPU": -1}, {"VCPU": 1.5}, {"VCPU": "1"}, {"VCPU": 2**31}, {"vcpu": 1}, {}, {"VCPU": None}],
)
async def test_impossible_amounts(call: Client, amounts: Any) -> None:
    await call.provide("a", {"VCPU": 4})
    assert (await call("PUT", f"/allocations/{C}", claim(A, amounts))).status_code == 400
    assert (await call("GET", f"/allocations/{C}")).json() == {"allocations": {}}


async def test_a_claim_too_large_names_what_was_needed_and_had(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    refused = await call("PUT", f"/allocations/{C}", claim(A, {"VCPU": 5}))
    assert refused.status_code == 409
    assert "needed 5, had 4" in detail(refused)
    assert (await call("GET", f"/resource_providers/{A}/usages")).json()["usages"] == {"VCPU": 0}


async def test_a_consumer_from_first_to_last_claim(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    path = f"/allocations/{C}"
    assert (await call("PUT", path, claim(A, {"VCPU": 1}, generation=3))).status_code == 409
    assert (await call("PUT", path, claim(A, {"VCPU": 1}))).status_code == 204
    assert (await call("PUT", path, claim(A, {"VCPU": 2}))).status_code == 409
    held = (await call("GET", path)).json()
    assert held["allocations"] == {A: {"generation": 2, "resources": {"VCPU": 1}}}
    assert (held["consumer_generation"], held["consumer_type"], held["project_id"]) == (1, "INSTANCE", PROJECT)
    # What GET answers can be sent back.
    assert (await call("PUT", path, held)).status_code == 204
    gone = {**held, "allocations": {}, "consumer_generation": 2}
    assert (await call("PUT", path, gone)).status_code == 204
    assert (await call("DELETE", path)).status_code == 404


async def test_several_consumers_move_together_or_not_at_all(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    await call.provide("b", {"VCPU": 1})
    assert (await call("PUT", f"/allocations/{C}", claim(A, {"VCPU": 4}))).status_code == 204
    other = uid("other")
    too_much = {C: claim(B, {"VCPU": 1}, 1), other: claim(A, {"VCPU": 5})}
    assert (await call("POST", "/allocations", too_much)).status_code == 409
    assert (await call("GET", f"/allocations/{C}")).json()["allocations"][A]["resources"] == {"VCPU": 4}
    swap = {C: claim(B, {"VCPU": 1}, 1), other: claim(A, {"VCPU": 4})}
    assert (await call("POST", "/allocations", swap)).status_code == 204
    assert set((await call("GET", f"/resource_providers/{A}/allocations")).json()["allocations"]) == {other}
    assert (await call("POST", "/allocations", {})).status_code == 400


async def test_old_clients_write_lists_and_no_project(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    body = {"allocations": [{"resource_provider": {"uuid": A}, "resources": {"VCPU": 1}}]}
    assert (await call("PUT", f"/allocations/{C}", body, version="1.0")).status_code == 204
    held = (await call("GET", f"/allocations/{C}")).json()
    assert held["project_id"] == PlacementOptions().incomplete_consumer_project_id
    assert held["consumer_type"] == "unknown"
    assert (await call("PUT", f"/allocations/{C}", body, version="1.8")).status_code == 400


async def test_a_provider_in_use_cannot_go(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    await call("PUT", f"/allocations/{C}", claim(A, {"VCPU": 1}))
    for path in (f"/resource_providers/{A}", f"/resource_providers/{A}/inventories/VCPU"):
        assert (await call("DELETE", path)).status_code == 409
    await call("DELETE", f"/allocations/{C}")
    assert (await call("DELETE", f"/resource_providers/{A}")).status_code == 204
    assert (await call("DELETE", f"/resource_providers/{A}")).status_code == 404


async def test_usages_by_type(call: Client) -> None:
    await call.provide("a", {"VCPU": 8})
    await call("PUT", f"/allocations/{C}", claim(A, {"VCPU": 3}))
    path = f"/usages?project_id={PROJECT}"
    assert (await call("GET", path)).json() == {"usages": {"INSTANCE": {"consumer_count": 1, "VCPU": 3}}}
    assert (await call("GET", path, version="1.37")).json() == {"usages": {"VCPU": 3}}
    assert (await call("GET", path + "&consumer_type=unknown")).json() == {"usages": {}}
    assert (await call("GET", path + "&consumer_type=all")).json() == {
        "usages": {"all": {"consumer_count": 1, "VCPU": 3}}
    }
    assert (await call("GET", path + "&user_id=nobody")).json() == {"usages": {}}
    assert (await call("GET", "/usages")).status_code == 400


# ---- trees, queries, candidates ----


async def test_trees_cannot_become_rings(call: Client) -> None:
    await call.provide("a", {})
    await call.provide("b", {}, parent=A)
    body = {"name": "a", "parent_provider_uuid": B}
    assert "creating loop" in detail(await call("PUT", f"/resource_providers/{A}", body))
    assert (await call("DELETE", f"/resource_providers/{A}")).status_code == 409
    assert (await call("GET", f"/resource_providers/{B}")).json()["root_provider_uuid"] == A
    # A change of the name alone leaves the parent as it is.
    assert (await call("PUT", f"/resource_providers/{B}", {"name": "b2"})).json()["parent_provider_uuid"] == A


@pytest.mark.parametrize(
    "query",
    [
        "unknown=1",
        "uuid=not-one",
        "resources=",
        "resources=VCPU",
        "resources=VCPU:0",
        "resources=VCPU:-1",
        "resources=VCPU:1.5",
        "resources=VCPU:99999999999999999999",
        "resources=NO_SUCH:1",
        "required=",
        "required=in:",
        "required=!",
        "required=NO_SUCH",
        "required=HW_CPU_X86_AVX2,!HW_CPU_X86_AVX2",
        "member_of=",
        "member_of=nobody",
        "member_of=in:",
        f"member_of={A},{B}",
        "in_tree=nobody",
    ],
)
async def test_queries_that_mean_nothing(call: Client, query: str) -> None:
    assert (await call("GET", f"/resource_providers?{query}")).status_code == 400
    if query.startswith(("unknown", "resources", "required", "member_of", "in_tree")):
        both = query if query.startswith("resources") else f"resources=VCPU:1&{query}"
        assert (await call("GET", f"/allocation_candidates?{both}")).status_code == 400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("resources1=VCPU:1&resources2=VCPU:1", "placement.query.missing_value"),
        ("required=HW_CPU_X86_AVX2&resources1=VCPU:1", "placement.query.missing_value"),
        ("resources=VCPU:1&root_required=CUSTOM_A&root_required=CUSTOM_B", "placement.query.duplicate_key"),
        ("resources=VCPU:1&same_subtree=_X", "placement.query.bad_value"),
        ("resources=VCPU:1&required_X=HW_CPU_X86_AVX2", "placement.query.bad_value"),
        ("resources=VCPU:1&group_policy=maybe", "placement.undefined_code"),
        ("resources=VCPU:1&limit=0", "placement.undefined_code"),
        ("resources=VCPU:1&limit=99999999999999999999", "placement.undefined_code"),
        (f"resources{'X' * 65}=VCPU:1", "placement.undefined_code"),
    ],
)
async def test_candidate_queries_that_mean_nothing(call: Client, query: str, code: str) -> None:
    refused = await call("GET", f"/allocation_candidates?{query}")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == code


async def test_candidates_follow_the_ledger(call: Client) -> None:
    await call.provide("a", {"VCPU": 4, "MEMORY_MB": 100})
    await call.provide("b", {"VCPU": 4})
    path = "/allocation_candidates?resources=VCPU:2"
    found = (await call("GET", path)).json()
    assert [set(one["allocations"]) for one in found["allocation_requests"]] == [{A}, {B}]
    assert found["allocation_requests"][0]["mappings"] == {"": [A]}
    assert found["provider_summaries"][A] == {
        "resources": {"VCPU": {"capacity": 4, "used": 0}, "MEMORY_MB": {"capacity": 100, "used": 0}},
        "traits": [],
        "parent_provider_uuid": None,
        "root_provider_uuid": A,
    }
    await call("PUT", f"/allocations/{C}", claim(A, {"VCPU": 3}))
    found = (await call("GET", path)).json()
    assert [set(one["allocations"]) for one in found["allocation_requests"]] == [{B}]
    assert (await call("GET", path + "&limit=1")).json()["provider_summaries"].keys() == {B}


async def test_the_most_candidates_a_request_may_produce(tmp_path: Path) -> None:
    async with placement(tmp_path, PlacementOptions(max_allocation_candidates=1)) as call:
        await call.provide("a", {"VCPU": 4})
        await call.provide("b", {"VCPU": 4})
        found = (await call("GET", "/allocation_candidates?resources=VCPU:1&limit=5")).json()
        assert len(found["allocation_requests"]) == 1


async def test_a_candidate_is_what_a_claim_takes(call: Client) -> None:
    await call.provide("a", {"VCPU": 4})
    (one,) = (await call("GET", "/allocation_candidates?resources=VCPU:2")).json()["allocation_requests"]
    body = {**claim(A, {}), **one}
    assert (await call("PUT", f"/allocations/{C}", body)).status_code == 204
    assert (await call("PUT", f"/allocations/{uid('d')}", {**body, "mappings": {}})).status_code == 400


async def test_methods_that_do_not_exist_name_those_that_do(call: Client) -> None:
    refused = await call("PATCH", "/resource_providers")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, POST")
    await call.provide("a", {})
    refused = await call("DELETE", f"/resource_providers/{A}/inventories", version="1.4")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, POST, PUT")


async def test_errors_for_those_who_take_no_json(call: Client) -> None:
    as_html = await call("GET", "/resource_providers/<script>", Accept="text/html")
    assert as_html.headers["Content-Type"].startswith("text/html")
    assert "<script>" not in as_html.text
    refused = await call("GET", "/resource_providers", Accept="text/plain")
    assert (refused.status_code, refused.text.startswith("406")) == (406, True)


async def test_lists_cost_the_same_statements_whatever_their_length(call: Client) -> None:
    db = call.kit.db

    async def cost(path: str) -> int:
        await call("GET", path)
        before = db.statements
        assert (await call("GET", path)).status_code == 200
        return db.statements - before

    paths = ("/resource_providers", "/allocation_candidates?resources=VCPU:1", f"/resource_providers/{A}/allocations")
    await call.provide("a", {"VCPU": 100})
    few = [await cost(path) for path in paths]
    for number in range(12):
        await call.provide(f"p{number}", {"VCPU": 4}, traits=["HW_CPU_X86_AVX2"])
        await call("PUT", f"/allocations/{uid(str(number))}", claim(A, {"VCPU": 1}))
    assert [await cost(path) for path in paths] == few
