"""Every verb of the store that shows rows shows a project only what it may see."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unit.network.world import ALICE, World
from unkai.kernel.errors import NotFound
from unkai.kernel.scope import Scope
from unkai.network.model import ROUTER_INTERFACE
from unkai.network.service import floating_ips as floating_service
from unkai.network.service import security_groups as group_service
from unkai.network.service import subnetpools as pool_service
from unkai.network.store import floating_ips, networks, ports, routers, security_groups, subnetpools, subnets

MODULES = (networks, subnets, ports, routers, floating_ips, security_groups, subnetpools)


def verbs() -> Iterator[Callable[..., Any]]:
    for module in MODULES:
        for name, verb in vars(module).items():
            if inspect.isfunction(verb) and verb.__module__ == module.__name__ and not name.startswith("_"):
                yield verb


SCOPED = [verb for verb in verbs() if list(inspect.signature(verb).parameters)[:2] == ["tx", "scope"]]


@pytest.fixture
def ids(cloud: World) -> dict[str, str]:
    """One of everything, Alice's; the external network is the administrator's, and is seen by all."""
    network = cloud.network()
    subnet = cloud.subnet(network, "10.0.0.0/24")
    external = cloud.external()
    router = cloud.router(ALICE, external, subnet)
    port = cloud.port(network)
    new = floating_service.NewFloatingIp(project_id="p-alice", floating_network_id=external.id, port_id=port.id)
    floating = cloud.do(floating_service.create, ALICE, new)
    group = cloud.do(group_service.create, ALICE, group_service.NewSecurityGroup(project_id="p-alice", name="g"))
    pool = cloud.do(
        pool_service.create,
        ALICE,
        pool_service.NewSubnetPool(project_id="p-alice", name="p", prefixes=["10.8.0.0/16"]),
    )
    return {
        "networks": network.id,
        "subnets": subnet.id,
        "ports": port.id,
        "routers": router.id,
        "floating_ips": floating.id,
        "security_groups": group.id,
        "subnetpools": pool.id,
        "rule": group.security_group_rules[0].id,
    }


def arguments(verb: Callable[..., Any], ids: dict[str, str]) -> list[Any]:
    """What the verb needs to find Alice's rows."""
    own = ids["rule"] if verb.__name__ == "rule" else ids[verb.__module__.rpartition(".")[2]]
    known = {
        "id": own,
        "ids": [own],
        "network_id": ids["networks"],
        "network_ids": [ids["networks"]],
        "device_ids": [ids["routers"]],
        "owner_prefix": ROUTER_INTERFACE,
        "port_ids": [ids["ports"]],
        "router_ids": [ids["routers"]],
        "project_id": "p-alice",
        "name": "g",
    }
    names = list(inspect.signature(verb).parameters)[2:]
    return [known[name] for name in names if name != "wanted"]


@pytest.mark.parametrize("verb", SCOPED, ids=lambda verb: f"{verb.__module__.rpartition('.')[2]}.{verb.__name__}")
def test_a_verb_shows_what_the_scope_may_see(cloud: World, ids: dict[str, str], verb: Callable[..., Any]) -> None:
    given = arguments(verb, ids)
    for scope in (Scope.project("p-alice"), Scope.system()):
        assert cloud.read(verb, scope, *given)
    for scope in (Scope.project("p-bob"), Scope.nothing(), Scope.domain("default")):
        try:
            found = cloud.read(verb, scope, *given)
        except NotFound:
            continue
        shown = [one.id for one in found] if verb is networks.networks else found
        assert ids["networks"] not in shown if verb is networks.networks else not shown, scope


def test_the_walk_saw_the_verbs() -> None:
    assert len(SCOPED) > 20
