"""/networks and /subnets as upstream's clients use them."""

import pytest

from api.network.conftest import Api


async def test_version_documents_need_no_token(api: Api) -> None:
    versions = (await api.client.get("/network/")).json()["versions"]
    assert [(one["id"], one["status"]) for one in versions] == [("v2.0", "CURRENT")]
    assert versions[0]["links"][0]["href"] == "http://cloud/network/v2.0/"
    resources = (await api.client.get("/network/v2.0/")).json()["resources"]
    assert {"name", "collection", "links"} <= set(resources[0])
    assert (await api.client.get("/network/v2.0/networks")).status_code == 401


async def test_a_network_lives_and_dies(api: Api) -> None:
    network = await api.make("alice", "network", name="net", description="mine", tags=["a"])
    assert network["status"] == "ACTIVE"
    assert network["mtu"] == 1442
    assert (network["project_id"], network["tenant_id"]) == ("p-alice", "p-alice")
    assert network["tags"] == ["a"]
    assert network["router:external"] is False
    assert network["revision_number"] == 0
    assert network["created_at"].endswith("Z") and len(network["created_at"]) == 20
    assert "provider:network_type" not in network
    path = f"/networks/{network['id']}"
    assert (await api.ok("alice", "GET", path))["network"] == network
    seen_by_admin = (await api.ok("admin", "GET", path))["network"]
    assert (seen_by_admin["provider:network_type"], seen_by_admin["provider:segmentation_id"]) == ("geneve", 1)
    changed = (await api.ok("alice", "PUT", path, {"network": {"name": "new", "mtu": 1400}}))["network"]
    assert (changed["name"], changed["mtu"], changed["revision_number"]) == ("new", 1400, 1)
    await api.ok("alice", "DELETE", path, status=204)
    await api.refused("alice", "GET", path, None, 404, "NetworkNotFound", network["id"])


async def test_other_projects_networks_are_not_there(api: Api) -> None:
    network = await api.make("alice", "network")
    path = f"/networks/{network['id']}"
    for method, body in (("GET", None), ("PUT", {"network": {"name": "x"}}), ("DELETE", None)):
        await api.refused("bob", method, path, body, 404, "NetworkNotFound")
    assert (await api.ok("bob", "GET", "/networks"))["networks"] == []
    await api.refused("reader", "DELETE", path, None, 403, "PolicyNotAuthorized")
    await api.refused("bob", "POST", "/ports", {"port": {"network_id": network["id"]}}, 404, "NetworkNotFound")
    body = {"network": {"project_id": "p-alice"}}
    await api.refused("bob", "POST", "/networks", body, 400, "HTTPBadRequest", "requires admin")


async def test_shared_and_external_networks_are_seen_by_all(api: Api) -> None:
    shared = await api.make("admin", "network", shared=True)
    external = await api.make(
        "admin",
        "network",
        **{"router:external": True, "provider:network_type": "flat", "provider:physical_network": "public"},
    )
    inside = await api.make("admin", "subnet", network_id=external["id"], ip_version=4, cidr="172.24.4.0/24")
    await api.make("admin", "subnet", network_id=shared["id"], ip_version=4, cidr="10.5.0.0/24")
    assert {one["id"] for one in (await api.ok("bob", "GET", "/networks"))["networks"]} == {
        shared["id"],
        external["id"],
    }
    found = (await api.ok("bob", "GET", "/networks?router:external=True"))["networks"]
    assert [one["id"] for one in found] == [external["id"]]
    # As upstream: the subnets of external networks are nobody's business.
    subnets = (await api.ok("bob", "GET", "/subnets"))["subnets"]
    assert [one["network_id"] for one in subnets] == [shared["id"]]
    await api.refused("bob", "GET", f"/subnets/{inside['id']}", None, 404, "SubnetNotFound")
    await api.refused(
        "bob", "PUT", f"/networks/{shared['id']}", {"network": {"name": "x"}}, 403, "PolicyNotAuthorized"
    )
    for attribute in ("shared", "router:external", "provider:physical_network"):
        body = {"network": {attribute: "public" if attribute.startswith("provider") else True}}
        await api.refused("alice", "POST", "/networks", body, 403, "PolicyNotAuthorized", attribute)
    assert (await api.make("alice", "network", shared=False))["shared"] is False


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"network": {"nonsense": 1}}, "Unrecognized attribute(s) 'nonsense'"),
        ({"network": {"name": 7}}, "Invalid input for name"),
        ({"network": {"name": "x" * 256}}, "exceeds maximum length of 255"),
        ({"network": {"admin_state_up": "maybe"}}, "cannot be converted to boolean"),
        ({"network": {"status": "ACTIVE"}}, "not allowed in POST"),
        ({"network": {"mtu": 9000}}, "Requested MTU is too big"),
        ({"net": {}}, "Unable to find 'network' in request body"),
        ({"networks": []}, "Resources required"),
        ({"network": []}, "Unable to find 'network'"),
    ],
)
async def test_bad_networks(api: Api, body: object, part: str) -> None:
    answer = await api.ask("alice", "POST", "/networks", body)
    assert answer.status_code == 400
    assert part in answer.json()["NeutronError"]["message"]
    assert (await api.ok("alice", "GET", "/networks"))["networks"] == []


async def test_bodies_that_are_no_json(api: Api) -> None:
    for content in (b"{", b"[]", b"", b'"network"', b"\xff"):
        headers = {"X-Auth-Token": "alice", "Content-Type": "application/json"}
        answer = await api.client.post("/network/v2.0/networks", content=content, headers=headers)
        assert answer.status_code == 400, answer.text
        assert "NeutronError" in answer.json()


async def test_bulk_is_all_or_nothing(api: Api) -> None:
    made = await api.ok("alice", "POST", "/networks", {"networks": [{"name": "a"}, {"name": "b"}]}, 201)
    assert [one["name"] for one in made["networks"]] == ["a", "b"]
    await api.ok("admin", "PUT", "/quotas/p-alice", {"quota": {"network": 3}})
    body = {"networks": [{"name": "c"}, {"name": "d"}]}
    await api.refused("alice", "POST", "/networks", body, 409, "OverQuota", "['network']")
    assert len((await api.ok("alice", "GET", "/networks"))["networks"]) == 2


async def test_lists_by_filter_field_order_and_page(api: Api) -> None:
    for name in "cab":
        await api.make("alice", "network", name=name, description="" if name == "a" else "text")
    names = [
        one["name"] for one in (await api.ok("alice", "GET", "/networks?sort_key=name&sort_dir=desc"))["networks"]
    ]
    assert names == ["c", "b", "a"]
    found = (await api.ok("alice", "GET", "/networks?name=a&name=b&fields=name&fields=mtu&sort_key=name"))["networks"]
    assert found == [{"name": "a", "mtu": 1442}, {"name": "b", "mtu": 1442}]
    assert len((await api.ok("alice", "GET", "/networks?description="))["networks"]) == 1

    first = await api.ok("alice", "GET", "/networks?sort_key=name&limit=2")
    assert [one["name"] for one in first["networks"]] == ["a", "b"]
    forth = {link["rel"]: link["href"] for link in first["networks_links"]}
    assert forth["next"].startswith("http://cloud/network/v2.0/networks?")
    second = await api.ok("alice", "GET", forth["next"].partition("/v2.0")[2])
    assert [one["name"] for one in second["networks"]] == ["c"]
    (back,) = second["networks_links"]
    assert back["rel"] == "previous"
    again = await api.ok("alice", "GET", back["href"].partition("/v2.0")[2])
    assert [one["name"] for one in again["networks"]] == ["a", "b"]
    beyond = await api.ok("alice", "GET", f"/networks?sort_key=name&limit=2&marker={second['networks'][0]['id']}")
    assert beyond["networks"] == []
    (back,) = beyond["networks_links"]
    last = await api.ok("alice", "GET", back["href"].partition("/v2.0")[2])
    assert [one["name"] for one in last["networks"]] == ["b", "c"]

    for query in ("nonsense=1", "sort_key=nonsense", "limit=-1", "limit=x", "sort_key=name&sort_dir=up", "mtu=x"):
        await api.refused("alice", "GET", f"/networks?{query}", None, 400, "HTTPBadRequest")
    await api.refused("alice", "GET", "/networks?marker=nothing", None, 404, "NetworkNotFound")


async def test_tags(api: Api) -> None:
    network, other = await api.make("alice", "network"), await api.make("alice", "network")
    base = f"/networks/{network['id']}/tags"
    await api.ok("alice", "PUT", f"{base}/red", status=201)
    await api.ok("alice", "PUT", base, {"tags": ["red", "green"]})
    assert (await api.ok("alice", "GET", base))["tags"] == ["green", "red"]
    await api.ok("alice", "GET", f"{base}/red", status=204)
    await api.refused("alice", "GET", f"{base}/blue", None, 404, "TagNotFound")
    await api.refused("bob", "GET", base, None, 404, "NetworkNotFound")
    await api.refused("reader", "PUT", f"{base}/blue", None, 403, "PolicyNotAuthorized")
    await api.refused("alice", "PUT", base, {"tags": "red"}, 400, "HTTPBadRequest")
    cases = {
        "tags=red,green": [network["id"]],
        "tags=red,blue": [],
        "tags-any=red,blue": [network["id"]],
        "not-tags=red,green": [other["id"]],
        "not-tags-any=blue,red": [other["id"]],
    }
    for query, ids in cases.items():
        assert [one["id"] for one in (await api.ok("alice", "GET", f"/networks?{query}"))["networks"]] == ids, query
    await api.ok("alice", "DELETE", f"{base}/red", status=204)
    await api.ok("alice", "DELETE", base, status=204)
    assert (await api.ok("alice", "GET", base))["tags"] == []


async def test_changes_may_depend_on_a_revision(api: Api) -> None:
    network = await api.make("alice", "network")
    path, body = f"/networks/{network['id']}", {"network": {"name": "new"}}
    stale = await api.ask("alice", "PUT", path, body, headers={"If-Match": "revision_number=7"})
    assert stale.status_code == 412
    assert stale.json()["NeutronError"]["type"] == "RevisionNumberConstraintFailed"
    await api.ok("alice", "PUT", path, body, headers={"If-Match": "revision_number=0"})
