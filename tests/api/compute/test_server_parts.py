"""What belongs to a server over HTTP: metadata, tags, addresses, groups, console, diagnostics, password, history."""

import hashlib
from typing import Any

import pytest
import pytest_asyncio

from harness.simulated_cloud import Answer, SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(cloud: SimulatedCloud) -> str:
    """A running server with an interface at 10.6.0.9 and a floating address 172.24.4.x."""
    made = await cloud.call("POST", "/network/v2.0/networks", {"network": {"name": "inside"}}, user="demo")
    inside = made.body["network"]["id"]
    subnet = {"network_id": inside, "ip_version": 4, "cidr": "10.6.0.0/24"}
    inner = await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet}, user="demo")
    server = await cloud.boot(networks=[{"uuid": inside, "fixed_ip": "10.6.0.9", "tag": "nic"}], metadata={"a": "1"})
    outside = await cloud.call(
        "POST", "/network/v2.0/networks", {"network": {"name": "outside", "router:external": True}}
    )
    outer = outside.body["network"]["id"]
    subnet = {"network_id": outer, "ip_version": 4, "cidr": "172.24.4.0/24", "enable_dhcp": False}
    await cloud.call("POST", "/network/v2.0/subnets", {"subnet": subnet})
    gateway = {"router": {"name": "r", "external_gateway_info": {"network_id": outer}}}
    router = (await cloud.call("POST", "/network/v2.0/routers", gateway, user="demo")).body["router"]["id"]
    interface = {"subnet_id": inner.body["subnet"]["id"]}
    await cloud.call("PUT", f"/network/v2.0/routers/{router}/add_router_interface", interface, user="demo")
    ports = await cloud.call("GET", f"/network/v2.0/ports?device_id={server['id']}", user="demo")
    floating = {"floating_network_id": outer, "port_id": ports.body["ports"][0]["id"]}
    answer = await cloud.call("POST", "/network/v2.0/floatingips", {"floatingip": floating}, user="demo")
    assert answer.status == 201, answer.text
    return str(server["id"])


async def ask(cloud: SimulatedCloud, method: str, path: str, body: Any = None, **more: Any) -> Answer:
    more.setdefault("user", "demo")
    more.setdefault("version", "2.104")
    return await cloud.compute(method, f"/servers/{path}", body, **more)


async def test_metadata(cloud: SimulatedCloud, one: str) -> None:
    path = f"{one}/metadata"
    assert (await ask(cloud, "GET", path)).body == {"metadata": {"a": "1"}}
    merged = await ask(cloud, "POST", path, {"metadata": {"b": "2"}})
    assert (merged.status, merged.body) == (200, {"metadata": {"a": "1", "b": "2"}})
    assert (await ask(cloud, "PUT", path, {"metadata": {"c": "3"}})).body == {"metadata": {"c": "3"}}
    assert (await ask(cloud, "PUT", f"{path}/d", {"meta": {"d": ""}})).body == {"meta": {"d": ""}}
    assert (await ask(cloud, "GET", f"{path}/d")).body == {"meta": {"d": ""}}
    assert (await ask(cloud, "DELETE", f"{path}/c")).status == 204
    assert (await cloud.server(one))["metadata"] == {"d": ""}
    for method, key in (("GET", "gone"), ("DELETE", "gone")):
        answer = await ask(cloud, method, f"{path}/{key}")
        assert answer.fault == ("itemNotFound", "Metadata item was not found")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "metadata", {"metadata": {"x" * 256: "v"}}, 400),
        ("POST", "metadata", {"metadata": {"k": "v" * 256}}, 400),
        ("POST", "metadata", {"metadata": {"k": 1}}, 400),
        ("POST", "metadata", {"metadata": None}, 400),
        ("POST", "metadata", {"metadata": {}, "more": 1}, 400),
        ("POST", "metadata", {"meta": {}}, 400),
        ("PUT", "metadata/k", {"meta": {"other": "v"}}, 400),
        ("PUT", "metadata/k", {"meta": {"k": "v", "l": "v"}}, 400),
        ("PUT", "metadata/k", {"meta": {}}, 400),
        ("POST", "metadata", {"metadata": {str(number): "v" for number in range(129)}}, 403),
        ("PUT", "tags", {"tags": ["a,b"]}, 400),
        ("PUT", "tags", {"tags": ["a/b"]}, 400),
        ("PUT", "tags", {"tags": [""]}, 400),
        ("PUT", "tags", {"tags": ["x" * 61]}, 400),
        ("PUT", "tags", {"tags": [str(number) for number in range(51)]}, 400),
        ("PUT", "tags", {"tags": "a"}, 400),
        ("PUT", "tags/a,b", None, 400),
        ("PUT", f"tags/{'x' * 61}", None, 400),
        ("GET", "tags/none", None, 404),
        ("DELETE", "tags/none", None, 404),
        ("GET", "ips/nowhere", None, 404),
        ("GET", f"os-interface/{NOWHERE}", None, 404),
        ("GET", "os-instance-actions/req-none", None, 404),
        ("GET", "nothing", None, 404),
        ("PATCH", "metadata", {}, 405),
        ("POST", "action", {"addSecurityGroup": {"name": "none such"}}, 404),
        ("POST", "action", {"removeSecurityGroup": {"name": "none such"}}, 404),
    ],
)
async def test_refused(cloud: SimulatedCloud, one: str, method: str, path: str, body: Any, status: int) -> None:
    before = await cloud.server(one)
    answer = await ask(cloud, method, f"{one}/{path}", body)
    names = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 405: "badMethod"}
    assert (answer.status, answer.fault[0]) == (status, names[status]), answer.text
    assert await cloud.server(one) == before
    if status != 405 and path != "nothing":
        elsewhere = await ask(cloud, method, f"{NOWHERE}/{path}", body)
        assert elsewhere.status in (400, 404)


async def test_tags(cloud: SimulatedCloud, one: str) -> None:
    path = f"{one}/tags"
    assert (await ask(cloud, "PUT", path, {"tags": ["x", "y"]})).body == {"tags": ["x", "y"]}
    added = await ask(cloud, "PUT", f"{path}/z")
    assert (added.status, added.headers["Location"].endswith(f"/servers/{one}/tags/z")) == (201, True)
    assert (await ask(cloud, "PUT", f"{path}/z")).status == 204
    assert (await ask(cloud, "GET", f"{path}/z")).status == 204
    assert (await ask(cloud, "DELETE", f"{path}/x")).status == 204
    assert sorted((await ask(cloud, "GET", path)).body["tags"]) == ["y", "z"]
    await ask(cloud, "PUT", path, {"tags": [str(number) for number in range(50)]})
    assert (await ask(cloud, "PUT", f"{path}/one-too-many")).status == 400
    assert (await ask(cloud, "DELETE", path)).status == 204
    assert (await ask(cloud, "GET", path)).body == {"tags": []}
    assert (await ask(cloud, "GET", path, version="2.25")).status == 404


async def test_addresses_and_interfaces(cloud: SimulatedCloud, one: str) -> None:
    addresses = (await ask(cloud, "GET", f"{one}/ips")).body["addresses"]
    assert set(addresses) == {"inside"} and addresses["inside"][0] == {"version": 4, "addr": "10.6.0.9"}
    outer = addresses["inside"][1]["addr"]
    assert outer.startswith("172.24.4.")
    assert (await ask(cloud, "GET", f"{one}/ips/inside")).body == addresses
    shown = (await cloud.server(one))["addresses"]["inside"]
    assert [(one["addr"], one["OS-EXT-IPS:type"]) for one in shown] == [("10.6.0.9", "fixed"), (outer, "floating")]
    (interface,) = (await ask(cloud, "GET", f"{one}/os-interface")).body["interfaceAttachments"]
    assert set(interface) == {"net_id", "port_id", "mac_addr", "port_state", "fixed_ips", "tag"}
    assert (interface["port_state"], interface["tag"]) == ("ACTIVE", "nic")
    assert [address["ip_address"] for address in interface["fixed_ips"]] == ["10.6.0.9"]
    single = await ask(cloud, "GET", f"{one}/os-interface/{interface['port_id']}", version="2.69")
    assert "tag" not in single.body["interfaceAttachment"]


async def test_security_groups(cloud: SimulatedCloud, one: str) -> None:
    made = await cloud.call("POST", "/network/v2.0/security-groups", {"security_group": {"name": "web"}}, user="demo")
    rule = {"security_group_id": made.body["security_group"]["id"], "direction": "ingress", "protocol": "tcp",
            "port_range_min": 80, "port_range_max": 80}  # fmt: skip
    await cloud.call("POST", "/network/v2.0/security-group-rules", {"security_group_rule": rule}, user="demo")
    added = await ask(cloud, "POST", f"{one}/action", {"addSecurityGroup": {"name": "web"}})
    assert added.status == 202, added.text
    groups = {
        group["name"]: group
        for group in (await ask(cloud, "GET", f"{one}/os-security-groups")).body["security_groups"]
    }
    assert set(groups) == {"default", "web"}
    (web,) = groups["web"]["rules"]
    assert (web["ip_protocol"], web["from_port"], web["to_port"]) == ("tcp", 80, 80)
    assert (web["ip_range"], web["group"]) == ({"cidr": "0.0.0.0/0"}, {})
    inner = [rule["group"] for rule in groups["default"]["rules"]]
    assert {"name": "default", "tenant_id": cloud.projects["demo"]} in inner
    assert sorted(group["name"] for group in (await cloud.server(one))["security_groups"]) == ["default", "web"]
    assert (await ask(cloud, "POST", f"{one}/action", {"removeSecurityGroup": {"name": "web"}})).status == 202
    assert [group["name"] for group in (await cloud.server(one))["security_groups"]] == ["default"]
    again = await ask(cloud, "POST", f"{one}/action", {"removeSecurityGroup": {"name": "web"}})
    assert again.status in (400, 404)


async def test_console_output(cloud: SimulatedCloud, one: str) -> None:
    async def console(content: Any) -> list[str]:
        answer = await ask(cloud, "POST", f"{one}/action", {"os-getConsoleOutput": content})
        assert answer.status == 200, answer.text
        text: str = answer.body["output"]
        return text.splitlines()

    whole = await console({})
    assert len(whole) == 4 and whole[-1].endswith("login: ")
    assert await console({"length": 2}) == whole[-2:]
    assert await console({"length": "1"}) == whole[-1:]
    assert await console({"length": 0}) == []
    assert await console({"length": -1}) == await console({"length": None}) == whole


async def test_diagnostics(cloud: SimulatedCloud, one: str) -> None:
    new = await ask(cloud, "GET", f"{one}/diagnostics", user="admin", version="2.48")
    assert (new.body["state"], new.body["num_cpus"], len(new.body["nic_details"])) == ("running", 1, 1)
    old = await ask(cloud, "GET", f"{one}/diagnostics", user="admin", version="2.47")
    assert {"memory", "cpu0_time", "vnet0_rx_octets"} <= set(old.body)


async def test_password(cloud: SimulatedCloud, one: str) -> None:
    assert (await ask(cloud, "GET", f"{one}/os-server-password")).body == {"password": ""}
    assert (await ask(cloud, "DELETE", f"{one}/os-server-password")).status == 204


async def test_history(cloud: SimulatedCloud, one: str) -> None:
    """Fields of actions and events come with versions; hosts and traces are for administrators."""
    whole = (await ask(cloud, "GET", f"{one}/os-instance-actions", version="2.57")).body["instanceActions"]
    created = whole[-1]
    assert set(created) == {
        "action", "instance_uuid", "request_id", "user_id", "project_id", "start_time", "message",
    }  # fmt: skip
    path = f"{one}/os-instance-actions/{created['request_id']}"

    async def fields(version: str, user: str) -> set[str]:
        events = (await ask(cloud, "GET", path, version=version, user=user)).body["instanceAction"].get("events")
        return set() if events is None else set(events[0])

    plain = {"event", "start_time", "finish_time", "result"}
    assert await fields("2.50", "demo") == set()
    assert await fields("2.51", "demo") == plain
    assert await fields("2.62", "demo") == {*plain, "hostId"}
    assert await fields("2.84", "demo") == {*plain, "hostId"}
    assert await fields("2.1", "admin") == {*plain, "traceback"}
    assert await fields("2.62", "admin") == {*plain, "traceback", "hostId", "host"}
    assert await fields("2.84", "admin") == {*plain, "traceback", "hostId", "host", "details"}
    events = (await ask(cloud, "GET", path, user="admin")).body["instanceAction"]["events"]
    event = next(event for event in events if event["event"] == "compute__do_build_and_run_instance")
    expected = hashlib.sha224((cloud.projects["demo"] + event["host"]).encode()).hexdigest()
    assert event["hostId"] == expected == (await cloud.server(one))["hostId"]


async def test_history_in_pages(cloud: SimulatedCloud, one: str) -> None:
    for kind in ("SOFT", "HARD"):
        await ask(cloud, "POST", f"{one}/action", {"reboot": {"type": kind}})
        await cloud.settled(one, "ACTIVE")
    path = f"{one}/os-instance-actions"
    first = (await ask(cloud, "GET", f"{path}?limit=2")).body
    assert [action["action"] for action in first["instanceActions"]] == ["reboot", "reboot"]
    (link,) = first["links"]
    second = await cloud.call("GET", link["href"].removeprefix("http://cloud.example"), user="demo", version="2.104")
    assert [action["action"] for action in second.body["instanceActions"]] == ["create"]
    moment = first["instanceActions"][0]["updated_at"]
    later = (await ask(cloud, "GET", f"{path}?changes-since={moment}")).body["instanceActions"]
    assert [action["request_id"] for action in later] == [first["instanceActions"][0]["request_id"]]
    before = (await ask(cloud, "GET", f"{path}?changes-before=2000-01-01")).body["instanceActions"]
    assert before == []
    for query in ("?limit=x", "?marker=req-none", "?changes-since=x", "?colour=red",
                  "?changes-since=2021-01-01&changes-before=2020-01-01"):  # fmt: skip
        assert (await ask(cloud, "GET", path + query)).status == 400
