"""/security-groups and /security-group-rules."""

from typing import Any

import pytest

from api.network.conftest import Api

RULES = "/security-group-rules"


async def test_every_project_has_a_default_group(api: Api) -> None:
    (group,) = (await api.ok("alice", "GET", "/security-groups"))["security_groups"]
    assert (group["name"], group["stateful"], group["shared"]) == ("default", True, False)
    rules = group["security_group_rules"]
    assert len(rules) == 4
    assert {(rule["direction"], rule["ethertype"], rule["remote_group_id"]) for rule in rules} == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", group["id"]),
        ("ingress", "IPv6", group["id"]),
    }
    path = f"/security-groups/{group['id']}"
    assert (await api.ok("alice", "GET", "/security-groups"))["security_groups"] == [group]
    await api.refused("alice", "DELETE", path, None, 409, "SecurityGroupCannotRemoveDefault")
    change = {"security_group": {"name": "mine"}}
    await api.refused("alice", "PUT", path, change, 409, "SecurityGroupCannotUpdateDefault")
    body = {"security_group": {"name": "default"}}
    await api.refused("alice", "POST", "/security-groups", body, 409, "SecurityGroupDefaultAlreadyExists")
    await api.refused("bob", "GET", path, None, 404, "SecurityGroupNotFound")


async def test_a_group_and_its_rules(api: Api) -> None:
    group = await api.make("alice", "security_group", name="web", description="d")
    assert [rule["direction"] for rule in group["security_group_rules"]] == ["egress", "egress"]
    rule = await api.make(
        "alice",
        "security_group_rule",
        security_group_id=group["id"],
        direction="ingress",
        protocol="TCP",
        port_range_min="80",
        port_range_max=443,
        remote_ip_prefix="192.0.2.7/24",
    )
    assert (rule["protocol"], rule["port_range_min"], rule["port_range_max"]) == ("tcp", 80, 443)
    assert (rule["remote_ip_prefix"], rule["normalized_cidr"], rule["ethertype"]) == (
        "192.0.2.7/24",
        "192.0.2.0/24",
        "IPv4",
    )
    await api.ok("alice", "GET", f"{RULES}/{rule['id']}")
    await api.refused("bob", "DELETE", f"{RULES}/{rule['id']}", None, 404, "SecurityGroupRuleNotFound")
    found = await api.ok("alice", "GET", f"{RULES}?direction=ingress&security_group_id={group['id']}")
    assert [one["id"] for one in found["security_group_rules"]] == [rule["id"]]
    await api.ok("alice", "DELETE", f"{RULES}/{rule['id']}", status=204)
    await api.ok("alice", "DELETE", f"/security-groups/{group['id']}", status=204)


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"direction": "sideways"}, 400, "HTTPBadRequest"),
    ({"ethertype": "IPv5"}, 400, "HTTPBadRequest"),
    ({"protocol": "nonsense"}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"protocol": 256}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"protocol": -1}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"remote_ip_prefix": "bad"}, 400, "InvalidCIDR"),
    ({"remote_ip_prefix": "fd00::/64"}, 400, "SecurityGroupRuleParameterConflict"),
    ({"port_range_min": 80, "port_range_max": 80}, 400, "SecurityGroupProtocolRequiredWithPorts"),
    ({"protocol": "tcp", "port_range_min": 81, "port_range_max": 80}, 400, "SecurityGroupInvalidPortRange"),
    ({"protocol": "tcp", "port_range_min": 80}, 400, "SecurityGroupInvalidPortRange"),
    ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 80}, 400, "SecurityGroupInvalidPortValue"),
    ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, 400, "SecurityGroupInvalidPortValue"),
    ({"protocol": "tcp", "port_range_min": "x", "port_range_max": 80}, 400, "SecurityGroupInvalidPortValue"),
    ({"protocol": "gre", "port_range_min": 1, "port_range_max": 2}, 400, "SecurityGroupInvalidProtocolForPort"),
    ({"protocol": "icmp", "port_range_min": 256}, 400, "SecurityGroupInvalidIcmpValue"),
    ({"protocol": "icmp", "port_range_max": 1}, 400, "SecurityGroupMissingIcmpType"),
    ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
    ({"remote_group_id": "00000000-0000-4000-8000-000000000000"}, 404, "SecurityGroupNotFound"),
    ({"security_group_id": "00000000-0000-4000-8000-000000000000"}, 404, "SecurityGroupNotFound"),
    ({"security_group_id": None}, 400, "HTTPBadRequest"),
]


@pytest.mark.parametrize(("values", "status", "kind"), BAD)
async def test_bad_rules(api: Api, values: dict[str, Any], status: int, kind: str) -> None:
    group = await api.make("alice", "security_group", name="g")
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", **values}}
    await api.refused("alice", "POST", RULES, body, status, kind)
    after = (await api.ok("alice", "GET", f"/security-groups/{group['id']}"))["security_group"]
    assert len(after["security_group_rules"]) == 2


async def test_twice_the_same_rule(api: Api) -> None:
    group = await api.make("alice", "security_group", name="g")
    one = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", "description": "first"}
    rule = await api.make("alice", "security_group_rule", **one)
    for same in ({"protocol": "6"}, {"protocol": 6}, {"description": "second"}):
        body = {"security_group_rule": one | same}
        await api.refused("alice", "POST", RULES, body, 409, "SecurityGroupRuleExists", rule["id"])
    udp = one | {"protocol": "udp"}
    bulk = {"security_group_rules": [udp, udp | {"description": "other"}]}
    await api.refused("alice", "POST", RULES, bulk, 409, "DuplicateSecurityGroupRuleInPost")
    both = {"security_group_id": group["id"], "direction": "ingress", "remote_group_id": group["id"]}
    body = {"security_group_rule": both | {"remote_ip_prefix": "10.0.0.0/8"}}
    await api.refused("alice", "POST", RULES, body, 400, "SecurityGroupRemoteGroupAndRemoteIpPrefix")


async def test_nobody_reaches_into_anothers_group(api: Api) -> None:
    group = await api.make("alice", "security_group", name="g")
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress"}}
    await api.refused("bob", "POST", RULES, body, 404, "SecurityGroupNotFound")
    await api.refused("reader", "POST", RULES, body, 403, "PolicyNotAuthorized")
    mine = await api.make("bob", "security_group", name="g")
    body = {
        "security_group_rule": {
            "security_group_id": mine["id"],
            "direction": "ingress",
            "remote_group_id": group["id"],
        }
    }
    await api.refused("bob", "POST", RULES, body, 404, "SecurityGroupNotFound")


async def test_a_group_in_use_stays(api: Api) -> None:
    network = await api.make("alice", "network")
    group = await api.make("alice", "security_group", name="g")
    stateless = await api.make("alice", "security_group", name="s", stateful=False)
    port = await api.make("alice", "port", network_id=network["id"], security_groups=[group["id"]])
    path = f"/security-groups/{group['id']}"
    await api.refused("alice", "DELETE", path, None, 409, "SecurityGroupInUse")
    change = {"port": {"security_groups": [group["id"], stateless["id"]]}}
    await api.refused("alice", "PUT", f"/ports/{port['id']}", change, 409, "SecurityGroupConflict")
    await api.ok("alice", "DELETE", f"/ports/{port['id']}", status=204)
    await api.ok("alice", "DELETE", path, status=204)


async def test_quotas_of_groups_and_rules(api: Api) -> None:
    await api.ok("admin", "PUT", "/quotas/p-alice", {"quota": {"security_group": 2, "security_group_rule": 7}})
    group = await api.make("alice", "security_group", name="g")
    body: dict[str, Any] = {"security_group": {"name": "h"}}
    await api.refused("alice", "POST", "/security-groups", body, 409, "OverQuota", "security_group")
    one = {"security_group_id": group["id"], "direction": "ingress"}
    await api.make("alice", "security_group_rule", **one, protocol="tcp")
    body = {"security_group_rule": one | {"protocol": "udp"}}
    await api.refused("alice", "POST", RULES, body, 409, "OverQuota", "['security_group_rule']")
