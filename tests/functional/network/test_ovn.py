"""What the rows say is what packets meet: a real OVN, real frames, guests that are network namespaces."""

import os
import signal
import time

import pytest

from functional.network.conftest import CHASSIS, Guest, Wired
from harness.host import call, until
from unit.network.world import ADMIN, ALICE, BOB, ips
from unkai.cli.embedded import ovn
from unkai.kernel.scope import Scope
from unkai.network import reconcile
from unkai.network.model import AddressPair, DhcpOption, HostRoute, Network, Router, Subnet
from unkai.network.service import (
    floating_ips,
    guests,
    networks,
    ports,
    routers,
    security_groups,
    subnets,
    system_ports,
)
from unkai.network.service.rule_checks import NewRule
from unkai.network.store import pending
from unkai.network.store import ports as port_rows
from unkai.network.wiring import Wiring

pytestmark = [pytest.mark.root, pytest.mark.ovn, pytest.mark.timeout(300)]


def outside_reaches(address: str, seconds: int = 2) -> bool:
    return "1 received" in call("ping", "-c", "1", "-W", str(seconds), address, check=False)


@pytest.fixture(scope="module")
def house(wired: Wired) -> tuple[Network, Subnet, Network, Router]:
    """Alice's network behind a router, and the external network."""
    external = wired.cloud.external()
    network = wired.cloud.network(name="private")
    subnet = wired.cloud.subnet(
        network,
        "10.0.0.0/24",
        dns_nameservers=["192.0.2.53"],
        host_routes=[HostRoute("198.51.100.0/24", "10.0.0.254")],
    )
    router = wired.cloud.router(ALICE, external, subnet)
    return network, subnet, external, router


@pytest.fixture(scope="module")
def pair(wired: Wired, house: tuple[Network, Subnet, Network, Router]) -> tuple[Guest, Guest]:
    """Two of Alice's guests, configured by DHCP, with a group each: nothing may enter."""
    network, *_ = house
    made = []
    for name in "first", "second":
        new = security_groups.NewSecurityGroup(project_id="p-alice", name=name)
        group = wired.cloud.do(security_groups.create, ALICE, new)
        port = wired.cloud.port(network, name=name, security_groups=[group.id])
        guest = wired.plug(port)
        until("ACTIVE", lambda: status(wired, port.id) == "ACTIVE", 20)  # noqa: B023
        guest.configure()
        made.append(guest)
    return made[0], made[1]


def status(wired: Wired, port_id: str) -> str:
    return wired.cloud.read(port_rows.get, Scope.system(), port_id).status


def allow(wired: Wired, guest: Guest, **values: object) -> str:
    new = NewRule(security_group_id=guest.port.security_groups[0], direction="ingress", **values)  # type: ignore[arg-type]
    return wired.cloud.do(security_groups.create_rules, ALICE, [new])[0].id


def forbid(wired: Wired, rule_id: str) -> None:
    rule = wired.cloud.read(security_groups.store.rule, Scope.system(), rule_id)
    wired.cloud.do(security_groups.delete_rule, ALICE, rule)


def test_dhcp_answers_what_the_subnet_says(wired: Wired, pair: tuple[Guest, Guest]) -> None:
    guest = pair[0]
    metadata = wired.cloud.read(system_ports.metadata_port, guest.port.network_id)
    offer = guest.dhcp()
    assert offer is not None
    assert offer == {
        "address": ips(guest.port)[0],
        "netmask": "255.255.255.0",
        "router": "10.0.0.1",
        "servers": ["192.0.2.53"],
        "domain": "openstacklocal",
        "mtu": 1442,
        "tftp": "",
        "routes": [
            f"169.254.169.254/32 via {ips(metadata)[0]}",
            "198.51.100.0/24 via 10.0.0.254",
            "0.0.0.0/0 via 10.0.0.1",
        ],
    }


def test_a_port_has_dhcp_options_of_its_own(wired: Wired, pair: tuple[Guest, Guest]) -> None:
    guest = pair[1]
    change = ports.PortChange(extra_dhcp_opts=[DhcpOption("tftp-server", "boot.example.org")])
    wired.cloud.do(ports.update, ALICE, guest.port, change)
    wired.settle()
    assert (guest.dhcp() or {})["tftp"] == "boot.example.org"
    change = ports.PortChange(extra_dhcp_opts=[DhcpOption("tftp-server", None)])
    wired.cloud.do(ports.update, ALICE, wired.cloud.read(port_rows.get, Scope.system(), guest.port.id), change)
    wired.settle()
    assert (guest.dhcp() or {})["tftp"] == ""


def test_nothing_enters_without_a_rule_and_passes_within_a_second_of_it(
    wired: Wired, pair: tuple[Guest, Guest]
) -> None:
    first, second = pair
    target = ips(second.port)[0]
    assert not first.reaches(target, 1)
    with second.serving(8080):
        assert not first.gets(target, 8080)
        began = time.monotonic()
        rule = allow(wired, second, protocol="tcp", port_range_min=8080, port_range_max=8080)
        until("the rule", lambda: first.gets(target, 8080, 0.3), 5, 0.01)
        assert time.monotonic() - began < 1.0
        assert not first.reaches(target, 1), "only TCP to 8080 was allowed"
        assert not first.gets(target, 8081)
        forbid(wired, rule)
        wired.settle()
        assert not first.gets(target, 8080)


def test_guests_of_one_group_reach_each_other_by_remote_group(wired: Wired, pair: tuple[Guest, Guest]) -> None:
    first, second = pair
    rule = allow(wired, second, remote_group_id=first.port.security_groups[0])
    wired.settle()
    assert first.reaches(ips(second.port)[0])
    assert not second.reaches(ips(first.port)[0], 1), "the rule has a direction"
    forbid(wired, rule)
    wired.settle()
    assert not first.reaches(ips(second.port)[0], 1)


def test_addresses_cannot_be_forged_unless_they_are_allowed(wired: Wired, pair: tuple[Guest, Guest]) -> None:
    first, second = pair
    rule = allow(wired, second, protocol="icmp")
    second_rule = allow(wired, first, protocol="icmp")
    wired.settle()
    target = ips(second.port)[0]
    first.run("ip", "address", "add", "10.0.0.99/24", "dev", "eth0")
    forged = ["ping", "-c", "1", "-W", "1", "-I", "10.0.0.99", target]
    assert first.reaches(target)
    assert "1 received" not in first.run(*forged, check=False)
    change = ports.PortChange(allowed_address_pairs=[AddressPair("10.0.0.96/28")])
    wired.cloud.do(ports.update, ALICE, first.port, change)
    wired.settle()
    until("the allowed pair", lambda: "1 received" in first.run(*forged, check=False), 5)
    wired.cloud.do(ports.update, ALICE, first.port, ports.PortChange(allowed_address_pairs=[]))
    first.run("ip", "address", "del", "10.0.0.99/24", "dev", "eth0")
    for one in rule, second_rule:
        forbid(wired, one)


def test_the_world_through_the_router(
    wired: Wired, house: tuple[Network, Subnet, Network, Router], pair: tuple[Guest, Guest]
) -> None:
    """SNAT out; nothing in but by a floating IP and a rule."""
    *_, external, router = house
    first = pair[0]
    assert until("the gateway", lambda: first.reaches("172.24.4.1"), 20)
    new = floating_ips.NewFloatingIp(project_id="p-alice", floating_network_id=external.id, port_id=first.port.id)
    floating = wired.cloud.do(floating_ips.create, ALICE, new)
    assert (floating.status, floating.router_id) == ("ACTIVE", router.id)
    wired.settle()
    assert not outside_reaches(floating.floating_ip_address, 1)
    rule = allow(wired, first, protocol="icmp")
    until("the floating IP", lambda: outside_reaches(floating.floating_ip_address, 1), 5)
    wired.cloud.do(floating_ips.update, ALICE, floating, floating_ips.FloatingIpChange(port_id=None))
    wired.settle()
    assert not outside_reaches(floating.floating_ip_address, 1)
    assert first.reaches("172.24.4.1"), "SNAT stays"
    forbid(wired, rule)
    wired.cloud.do(
        floating_ips.delete, ALICE, wired.cloud.read(floating_ips.floating_ips.get, Scope.system(), floating.id)
    )


def test_metadata_is_answered_at_the_networks_own_port(wired: Wired, pair: tuple[Guest, Guest]) -> None:
    first = pair[0]
    port = wired.cloud.read(system_ports.metadata_port, first.port.network_id)
    host = wired.plug(port)
    host.run("ip", "address", "add", f"{ips(port)[0]}/24", "dev", "eth0")
    host.run("ip", "address", "add", "169.254.169.254/32", "dev", "eth0")
    with host.serving(80, "169.254.169.254"):
        until("metadata", lambda: first.gets("169.254.169.254", 80), 10)
    wired.unplug(host)


def test_a_second_project_sees_and_reaches_nothing(
    wired: Wired, house: tuple[Network, Subnet, Network, Router], pair: tuple[Guest, Guest]
) -> None:
    """The same addresses, another network: Bob's guest has Alice's address and reaches his own neighbour only."""
    external = house[2]
    network = wired.cloud.network(BOB)
    subnet = wired.cloud.subnet(network, "10.0.0.0/24", BOB)
    wired.cloud.router(BOB, external, subnet)
    wanted = [ports.FixedIpRequest(ip_address=ips(one.port)[0]) for one in pair]
    theirs = [wired.plug(wired.cloud.port(network, BOB, fixed_ips=[wish])) for wish in wanted]
    for guest in theirs:
        guest.configure()
    # All members of Bob's default group: they reach each other by upstream's default rules.
    assert until("Bob's neighbour", lambda: theirs[0].reaches(ips(pair[1].port)[0]), 10)
    assert ips(theirs[1].port) == ips(pair[1].port)
    wired.unplug(theirs[1])
    assert not theirs[0].reaches(ips(pair[1].port)[0], 1), "Alice's guest of this address answered"
    # Not even with everything open on Alice's side: no route leads from one router to the other's inside.
    rule = allow(wired, pair[1], protocol="icmp")
    wired.settle()
    assert not theirs[0].reaches(ips(pair[1].port)[0], 1)
    forbid(wired, rule)
    wired.unplug(theirs[0])


def test_ipv6_addresses_by_router_advertisement(wired: Wired) -> None:
    network = wired.cloud.network()
    wired.cloud.subnet(network, "10.6.0.0/24")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    subnet = wired.cloud.subnet(network, "fd00:6::/64", **modes)
    wired.cloud.router(ALICE, None, subnet)
    port = wired.cloud.port(network)
    guest = wired.plug(port)
    wanted = ips(port)[1]
    until("the address", lambda: wanted in guest.run("ip", "-6", "address", "show", "dev", "eth0"), 40)
    until("the router", lambda: guest.reaches("fd00:6::1", 1), 10)
    wired.unplug(guest)


def test_a_server_waits_for_its_ports(wired: Wired, house: tuple[Network, Subnet, Network, Router]) -> None:
    planned = wired.cloud.do(guests.validate_requests, ALICE, [guests.NetworkRequest(network_id=house[0].id)])
    (port,) = wired.cloud.do(guests.create_ports, ALICE, "server-1", planned, "nova")
    wired.cloud.do(guests.bind_ports, "server-1", "host1.example.org", CHASSIS)
    wired.settle()
    assert wired.nb("get", "logical_switch_port", port.id, "options:requested-chassis").strip('"') == CHASSIS
    assert status(wired, port.id) == "DOWN"
    guest = wired.plug(port)
    until("ACTIVE", lambda: status(wired, port.id) == "ACTIVE", 10, 0.01)
    wired.unplug(guest)
    until("DOWN", lambda: status(wired, port.id) == "DOWN", 10)
    wired.cloud.do(guests.release_ports, "server-1")
    wired.settle()
    assert port.id not in wired.nb("--bare", "--columns=name", "list", "logical_switch_port")


def test_a_change_reaches_ovn_within_fifty_milliseconds(
    wired: Wired, house: tuple[Network, Subnet, Network, Router]
) -> None:
    wired.settle()
    times = []
    for number in range(10):
        began = time.monotonic()
        wired.cloud.do(networks.update, ALICE, house[0], networks.NetworkChange(name=f"private{number}"))
        while wired.cloud.read(pending.everything):
            time.sleep(0.001)
        times.append(time.monotonic() - began)
    assert sorted(times)[len(times) // 2] < 0.05, times


def test_a_killed_database_server_costs_no_change(
    wired: Wired, house: tuple[Network, Subnet, Network, Router], pair: tuple[Guest, Guest]
) -> None:
    """Killed, restarted by its supervisor, and what was asked for meanwhile is there a moment later."""
    first, second = pair
    server = next(row for row in ovn.status(wired.options) if row.name == "nb-db")
    os.kill(server.pid, signal.SIGKILL)
    rule = allow(wired, second, protocol="icmp")
    until("the rule", lambda: first.reaches(ips(second.port)[0], 1), 30)
    forbid(wired, rule)
    until("the rule's end", lambda: not first.reaches(ips(second.port)[0], 1), 30)
    until("everything written", lambda: not wired.cloud.read(pending.everything), 20)


def test_what_others_change_in_ovn_is_mended(
    wired: Wired, house: tuple[Network, Subnet, Network, Router], pair: tuple[Guest, Guest]
) -> None:
    network, subnet, *_ = house
    port = pair[0].port
    wired.settle()
    wired.nb("lsp-del", port.id, "--", "ls-add", "strangers-own")
    wired.nb("set", "logical_switch", f"neutron-{network.id}", "other_config:mcast_snoop=true")
    answers = wired.nb("--bare", "--columns=_uuid", "find", "dhcp_options", f"external_ids:subnet_id={subnet.id}")
    wired.nb("clear", "dhcp_options", answers, "options")
    kit = wired.cloud.kit
    north = kit.get(Wiring).north

    def drifts() -> list[tuple[str, str]]:
        return [(one.what, one.kind) for one in wired.background.do(reconcile.check(kit, north))]

    assert until("the drift", drifts, 5) == [("missing", "port"), ("stale", "network"), ("stale", "subnet")]
    wired.background.do(reconcile.fix(kit, wired.background.do(reconcile.check(kit, north))))
    wired.settle()
    assert drifts() == []
    assert "strangers-own" in wired.nb("ls-list"), "what is not ours is nobody's business"
    wired.nb("ls-del", "strangers-own")
    until("DHCP", pair[0].dhcp, 10)
    until("ACTIVE", lambda: status(wired, port.id) == "ACTIVE", 10)


def test_nothing_is_left_after_everything_is_deleted(wired: Wired) -> None:
    """Runs last: takes the whole house down, as users would."""
    cloud, system = wired.cloud, Scope.system()
    for floating in cloud.read(floating_ips.floating_ips.floating_ips, system):
        cloud.do(floating_ips.delete, ADMIN, floating)
    for port in cloud.read(port_rows.ports, system):
        if not port.device_owner.startswith("network:"):
            cloud.do(ports.delete, ADMIN, port)
    for router in cloud.read(routers.routers.routers, system):
        for interface in cloud.read(routers.interfaces, router.id):
            cloud.do(routers.remove_interface, ADMIN, router, None, interface.id)
        cloud.do(routers.delete, ADMIN, router)
    for subnet in cloud.read(subnets.subnets.subnets, system):
        cloud.do(subnets.delete, ADMIN, subnet)
    for network in cloud.read(networks.networks.networks, system):
        cloud.do(networks.delete, ADMIN, network)
    for group in cloud.read(security_groups.store.groups, system):
        cloud.do(security_groups.delete, ADMIN, group)
    wired.settle()
    tables = ("Logical_Switch", "Logical_Switch_Port", "Logical_Router", "Logical_Router_Port", "DHCP_Options", "NAT")
    for table in tables:
        assert wired.nb("--bare", "--columns=_uuid", "list", table) == "", table
    assert wired.nb("--bare", "--columns=name", "list", "Port_Group") == "neutron_pg_drop"
