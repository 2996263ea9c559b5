"""Lists of servers over HTTP: filters, order, pages, who may ask for what, and what a list costs (LAUNCH-035)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from harness.simulated_cloud import SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids(cloud: SimulatedCloud) -> AsyncIterator[dict[str, str]]:
    """Demo's servers alpha (tagged, on a network), beta (stopped), gamma (locked, m1.small); admin's delta."""
    network = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "net"}}, user="demo")
    net_id = network.body["network"]["id"]
    for version, cidr in ((4, "10.5.0.0/24"), (6, "fd00:5::/64")):
        subnet = {"network_id": net_id, "ip_version": version, "cidr": cidr}
        await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    fixed = {"network_id": net_id, "fixed_ips": [{"ip_address": "10.5.0.77"}, {"ip_address": "fd00:5::77"}]}
    port = await cloud.call("POST", "/network/v2.0/ports", {"port": fixed}, user="demo")
    networks = [{"port": port.body["port"]["id"]}]
    made = {
        "alpha": await cloud.boot(name="alpha", networks=networks, tags=["red", "round"], description="first"),
        "beta": await cloud.boot(name="beta", tags=["red"], availability_zone="nova"),
        "gamma": await cloud.boot(name="gamma", flavorRef="2", hostname="host-g"),
        "delta": await cloud.boot(name="delta", user="admin"),
    }
    found = {name: server["id"] for name, server in made.items()}
    await cloud.compute("POST", f"/servers/{found['beta']}/action", {"os-stop": None}, user="demo")
    await cloud.settled(found["beta"], "SHUTOFF")
    reason = {"lock": {"locked_reason": "mine"}}
    await cloud.compute("POST", f"/servers/{found['gamma']}/action", reason, user="demo", version="2.73")
    yield found
    await cloud.forget()


async def names(cloud: SimulatedCloud, query: str, user: str = "demo", version: str = "2.104") -> list[str]:
    answer = await cloud.compute("GET", f"/servers/detail{query}", user=user, version=version)
    assert answer.status == 200, answer.text
    brief = await cloud.compute("GET", f"/servers{query}", user=user, version=version)
    found = [server["name"] for server in answer.body["servers"]]
    assert found == [server["name"] for server in brief.body["servers"]], "both lists mean the same"
    return found


async def test_shape(cloud: SimulatedCloud, ids: dict[str, str]) -> None:
    brief = (await cloud.compute("GET", "/servers?name=alpha", user="demo")).body
    assert set(brief) == {"servers"} and set(brief["servers"][0]) == {"id", "name", "links"}
    whole = (await cloud.compute("GET", "/servers/detail?name=alpha", user="demo", version="2.104")).body["servers"][0]
    shown = await cloud.server(ids["alpha"], user="demo")
    assert shown.pop("server_groups") == []
    assert whole == shown, "a list shows a server as GET does, except for its groups"


@pytest.mark.parametrize(
    ("query", "user", "expected"),
    [
        ("", "demo", "gamma beta alpha"),
        ("", "admin", "delta"),
        ("?all_tenants=1", "admin", "delta gamma beta alpha"),
        ("?all_tenants", "admin", "delta gamma beta alpha"),
        ("?all_tenants=0", "admin", "delta"),
        ("?name=a", "demo", "gamma beta alpha"),
        ("?name=^a", "demo", "alpha"),
        ("?name=ta$", "demo", "beta"),
        ("?name=.*et.*", "demo", "beta"),
        ("?name=[bg].*a$", "demo", "gamma beta"),
        ("?name=ALPHA", "demo", ""),
        ("?status=active", "demo", "gamma alpha"),
        ("?status=SHUTOFF", "demo", "beta"),
        ("?status=ACTIVE&status=SHUTOFF", "demo", "gamma beta alpha"),
        ("?status=REBOOT", "demo", ""),
        ("?flavor=2", "demo", "gamma"),
        ("?image={image}", "demo", "gamma beta alpha"),
        (f"?image={NOWHERE}", "demo", ""),
        ("?ip=10.5.0.7", "demo", "alpha"),
        ("?ip=^10.5.0.8", "demo", ""),
        ("?ip6=fd00", "demo", "alpha"),
        ("?ip=10.5&ip6=fe80", "demo", ""),
        ("?tags=red", "demo", "beta alpha"),
        ("?tags=red,round", "demo", "alpha"),
        ("?tags-any=round,square", "demo", "alpha"),
        ("?not-tags=red,round", "demo", "gamma beta"),
        ("?not-tags-any=red,round", "demo", "gamma"),
        ("?locked=true", "demo", "gamma"),
        ("?locked=false", "demo", "beta alpha"),
        ("?vm_state=stopped", "demo", "beta"),
        ("?power_state=4", "demo", "beta"),
        ("?hostname=host-g", "demo", "gamma"),
        ("?user_id=nobody", "demo", ""),
        ("?progress=0", "demo", "gamma beta alpha"),
        ("?key_name=none", "demo", ""),
        # A zone that was not asked for is the host's, which the row knows.
        ("?availability_zone=nova", "demo", "gamma beta alpha"),
        # Filters that only administrators have are as if they were not there.
        ("?host=nowhere", "demo", "gamma beta alpha"),
        ("?host=nowhere", "admin", ""),
        ("?all_tenants=1&host=sim", "admin", ""),
        ("?all_tenants=1&node=sim", "admin", "delta gamma beta alpha"),
        ("?deleted=true", "demo", "gamma beta alpha"),
        ("?deleted=true", "admin", ""),
        ("?changes-since=2000-01-01T00:00:00Z", "demo", "gamma beta alpha"),
        ("?changes-since=2990-01-01", "demo", ""),
        ("?changes-before=2000-01-01T00:00:00Z", "demo", ""),
        ("?all_tenants=1&project_id={demo}", "admin", "gamma beta alpha"),
        ("?project_id={demo}", "admin", "delta"),
        ("?uuid={alpha}&all_tenants=1", "admin", "alpha"),
        ("?sort_key=display_name&sort_dir=asc", "demo", "alpha beta gamma"),
        ("?sort_key=display_name", "demo", "gamma beta alpha"),
        ("?sort_key=vm_state&sort_dir=asc&sort_key=display_name&sort_dir=desc", "demo", "gamma alpha beta"),
        ("?sort_key=locked&sort_dir=desc&limit=1", "demo", "gamma"),
        ("?limit=0", "demo", ""),
        ("?marker={gamma}", "demo", "beta alpha"),
        ("?limit=1&marker={gamma}", "demo", "beta"),
        ("?sort_key=display_name&sort_dir=asc&marker={alpha}", "demo", "beta gamma"),
    ],
)
async def test_filters(cloud: SimulatedCloud, ids: dict[str, str], query: str, user: str, expected: str) -> None:
    asked = query.format(image=cloud.image, demo=cloud.projects["demo"], **ids)
    assert await names(cloud, asked, user) == expected.split()


@pytest.mark.parametrize(
    ("query", "version", "status"),
    [
        ("?limit=-1", "2.1", 400),
        ("?limit=x", "2.1", 400),
        (f"?marker={NOWHERE}", "2.1", 400),
        ("?sort_key=colour", "2.1", 400),
        ("?sort_key=name", "2.1", 400),
        ("?sort_dir=up", "2.1", 400),
        ("?sort_key=uuid&sort_dir=asc&sort_dir=asc", "2.1", 400),
        ("?sort_key=vcpus", "2.74", 200),
        ("?sort_key=vcpus", "2.75", 400),
        ("?sort_key=locked", "2.72", 200),
        ("?sort_key=host", "2.1", 403),
        ("?sort_key=node", "2.104", 403),
        ("?name=(", "2.1", 400),
        ("?name=(a%2B)%2B$", "2.1", 400),
        ("?name=a*b*c*d", "2.1", 400),
        ("?ip=(a*)*", "2.1", 400),
        ("?changes-since=yesterday", "2.1", 400),
        ("?changes-before=yesterday", "2.66", 400),
        ("?changes-before=yesterday", "2.65", 200),
        ("?changes-since=2021-01-01&changes-before=2020-01-01", "2.66", 400),
        ("?status=WEIRD", "2.37", 200),
        ("?status=WEIRD", "2.38", 400),
        ("?status=deleted", "2.1", 403),
        ("?all_tenants=1", "2.1", 403),
        ("?all_tenants=maybe", "2.1", 400),
        ("?locked=perhaps", "2.73", 400),
        ("?locked=perhaps", "2.72", 200),
        ("?colour=red", "2.74", 200),
        ("?colour=red", "2.75", 400),
        ("?created_at=x", "2.83", 400),
    ],
)
async def test_versions_and_refusals(
    cloud: SimulatedCloud, ids: dict[str, str], query: str, version: str, status: int
) -> None:
    for path in ("/servers", "/servers/detail"):
        answer = await cloud.compute("GET", path + query, user="demo", version=version)
        assert answer.status == status, answer.text
        if status != 200:
            assert answer.fault[0] == {400: "badRequest", 403: "forbidden"}[status]


@pytest.mark.parametrize(
    "field", ["metadata", "system_metadata", "info_cache", "pci_devices", "_private", "security_groups"]
)
async def test_filters_that_would_look_inside(cloud: SimulatedCloud, ids: dict[str, str], field: str) -> None:
    refused = await cloud.compute("GET", f"/servers?{field}=x", version="2.1")
    assert refused.status == 400


@pytest.mark.parametrize(
    ("query", "old", "new"),
    [
        ("?tags=red", ("2.25", 3), ("2.26", 2)),
        ("?ip6=fe80", ("2.4", 3), ("2.5", 0)),
        ("?locked=true", ("2.72", 3), ("2.73", 1)),
        ("?vm_state=stopped", ("2.82", 3), ("2.83", 1)),
        ("?hostname=host-g", ("2.89", 3), ("2.90", 1)),
        ("?changes-before=2000-01-01", ("2.65", 3), ("2.66", 0)),
    ],
)
async def test_filters_come_with_versions(
    cloud: SimulatedCloud, ids: dict[str, str], query: str, old: tuple[str, int], new: tuple[str, int]
) -> None:
    for version, count in (old, new):
        if version == "2.89":
            # From 2.75 on, names that a version does not have are refused for nobody who may not filter by them.
            continue
        assert len(await names(cloud, query, version=version)) == count


async def test_pages(cloud: SimulatedCloud, ids: dict[str, str]) -> None:
    seen: list[str] = []
    path = "/compute/v2.1/servers/detail?limit=2&sort_key=display_name&sort_dir=asc"
    while path:
        answer = await cloud.call("GET", path, user="demo")
        seen += [server["name"] for server in answer.body["servers"]]
        links = answer.body.get("servers_links", [])
        assert [link["rel"] for link in links] in ([], ["next"])
        path = links[0]["href"].removeprefix("http://cloud.example") if links else ""
    assert seen == ["alpha", "beta", "gamma"]


async def test_a_page_does_not_tear_when_servers_come_and_go(cloud: SimulatedCloud, ids: dict[str, str]) -> None:
    """The marker's row may be deleted between two pages: paging goes on behind its place."""
    extra = await cloud.boot(name="zeta")
    first = await cloud.compute("GET", "/servers?limit=1", user="demo")
    assert first.body["servers"][0]["id"] == extra["id"]
    await cloud.compute("DELETE", f"/servers/{extra['id']}", user="demo")
    await cloud.gone(extra["id"])
    link: str = first.body["servers_links"][0]["href"]
    second = await cloud.call("GET", link.removeprefix("http://cloud.example"), user="demo")
    assert [server["name"] for server in second.body["servers"]] == ["gamma"]


async def test_deleted_servers(cloud: SimulatedCloud, ids: dict[str, str]) -> None:
    """Tombstones: administrators list them, everybody sees them with changes-since."""
    gone = await cloud.boot(name="omega")
    await cloud.compute("DELETE", f"/servers/{gone['id']}", user="demo")
    await cloud.gone(gone["id"])
    for query in ("?all_tenants=1&deleted=1&name=omega", "?all_tenants=1&status=deleted&name=omega"):
        found = (await cloud.compute("GET", "/servers/detail" + query, version="2.104")).body["servers"]
        assert [server["status"] for server in found] == ["DELETED"]
    since = (await cloud.compute("GET", f"/servers/detail?changes-since={gone['created']}", user="demo")).body
    states = {server["name"]: server["status"] for server in since["servers"]}
    assert states["omega"] == "DELETED"


async def test_cost_does_not_grow_with_the_list(cloud: SimulatedCloud, ids: dict[str, str]) -> None:
    net = (await cloud.call("GET", "/network/v2.0/networks?name=net", user="demo")).body["networks"][0]["id"]

    async def cost(path: str) -> tuple[int, int]:
        """Agents and flows speak to the database too: the least of some tries is what the request itself costs."""
        tries = []
        for _ in range(8):
            before = cloud.house.kit.db.statements
            answer = await cloud.compute("GET", path, user="demo", version="2.104")
            tries.append((len(answer.body["servers"]), cloud.house.kit.db.statements - before))
        return min(tries, key=lambda one: one[1])

    paths = ("/servers", "/servers/detail", "/servers/detail?ip=10.5")
    before = [await cost(path) for path in paths]
    for number in range(4):
        await cloud.boot(name=f"more{number}", networks=[{"uuid": net}], tags=["blue"])
    after = [await cost(path) for path in paths]
    assert [count for count, _ in after] == [7, 7, 5]
    assert [count for count, _ in before] == [3, 3, 1]
    assert [statements for _, statements in after] == [statements for _, statements in before]
    assert max(statements for _, statements in after) <= 25
