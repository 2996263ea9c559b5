"""From rows to OVN: golden access rules, DHCP answers, ports and routers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from unit.network.world import ALICE, World, ips
from unkai.kernel.scope import Scope
from unkai.network.dhcp_options import formatted
from unkai.network.model import AddressPair, DhcpOption, HostRoute, SecurityGroupRule
from unkai.network.ovn import acls, desired, routers
from unkai.network.ovn.model import Key, Nat, Router, StaticRoute, SwitchPort
from unkai.network.service import floating_ips, guests, ports, subnets, system_ports
from unkai.network.store import ports as port_rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME = "11111111-2222-3333-4444-555555555555"
PG = "pg_11111111_2222_3333_4444_555555555555"


def rule(**values: Any) -> SecurityGroupRule:
    plain = {"direction": "ingress", "ethertype": "IPv4", "protocol": None, "normalized_cidr": None}
    nothing = dict.fromkeys(("port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id"))
    standard = {"description": "", "created_at": NOW, "updated_at": NOW, "revision_number": 0}
    return SecurityGroupRule(
        **{"id": "r", "project_id": "p", "security_group_id": ME, **plain, **nothing, **standard, **values}
    )


IN = f"outport == @{PG}"
GOLDEN: list[tuple[dict[str, Any], str]] = [
    ({}, f"{IN} && ip4"),
    ({"direction": "egress", "ethertype": "IPv6"}, f"inport == @{PG} && ip6"),
    (
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22, "normalized_cidr": "192.0.2.0/24"},
        f"{IN} && ip4 && ip4.src == 192.0.2.0/24 && tcp && tcp.dst == 22",
    ),
    (
        {"protocol": "udp", "port_range_min": 1, "port_range_max": 100, "normalized_cidr": "0.0.0.0/0"},
        f"{IN} && ip4 && udp && udp.dst >= 1 && udp.dst <= 100",
    ),
    ({"protocol": "6"}, f"{IN} && ip4 && tcp"),
    ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535}, f"{IN} && ip4 && tcp"),
    (
        {"protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
        f"{IN} && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0",
    ),
    ({"ethertype": "IPv6", "protocol": "ipv6-icmp"}, f"{IN} && ip6 && icmp6"),
    ({"remote_group_id": ME}, f"{IN} && ip4 && ip4.src == ${PG}_ip4"),
    (
        {"direction": "egress", "ethertype": "IPv6", "remote_group_id": ME},
        f"inport == @{PG} && ip6 && ip6.dst == ${PG}_ip6",
    ),
    ({"protocol": "gre"}, f"{IN} && ip4 && ip.proto == 47"),
    ({"protocol": "112"}, f"{IN} && ip4 && ip.proto == 112"),
]


@pytest.mark.parametrize(("values", "match"), GOLDEN)
def test_a_rule_as_access_rule(values: dict[str, Any], match: str) -> None:
    made = acls.acl(rule(**values))
    assert made is not None
    assert (made.match, made.action, made.priority) == (match, "allow-related", 1002)
    assert made.direction == ("from-lport" if values.get("direction") == "egress" else "to-lport")
    stateless = acls.acl(rule(**values), stateful=False)
    assert stateless is not None and stateless.action == "allow-stateless"


def test_what_ovn_cannot_match_stays_closed() -> None:
    assert acls.acl(rule(protocol="udplite", port_range_min=1, port_range_max=2)) is None
    assert acls.acl(rule(protocol="udplite")) is not None


def objects(cloud: World) -> dict[Key, Any]:
    return cloud.read(desired.whole, cloud.kit)


def test_answers_of_dhcp(cloud: World) -> None:
    network = cloud.network()
    routes = [HostRoute("10.9.0.0/24", "10.0.0.9")]
    subnet = cloud.subnet(network, "10.0.0.0/24", dns_nameservers=["192.0.2.1", "192.0.2.2"], host_routes=routes)
    options = objects(cloud)[Key("subnet", subnet.id)].options
    metadata = ips(cloud.read(system_ports.metadata_port, network.id))[0]
    mac = options.pop("server_mac")
    assert mac.startswith("fa:16:3e:")
    assert options == {
        "server_id": "10.0.0.1",
        "router": "10.0.0.1",
        "lease_time": "43200",
        "mtu": "1442",
        "domain_name": '"openstacklocal"',
        "dns_server": "{192.0.2.1, 192.0.2.2}",
        "classless_static_route": f"{{169.254.169.254/32,{metadata}, 10.9.0.0/24,10.0.0.9, 0.0.0.0/0,10.0.0.1}}",
    }
    cloud.do(subnets.update, ALICE, subnet, subnets.SubnetChange(enable_dhcp=False))
    assert Key("subnet", subnet.id) not in objects(cloud)
    assert cloud.read(system_ports.metadata_port, network.id).fixed_ips == []


def test_without_a_gateway_the_metadata_port_is_the_server(cloud: World) -> None:
    network = cloud.network()
    subnet = cloud.subnet(network, "10.0.0.0/24", gateway_ip=None)
    options = objects(cloud)[Key("subnet", subnet.id)].options
    assert options["server_id"] == "10.0.0.1"
    assert options["classless_static_route"] == "{169.254.169.254/32,10.0.0.1}"
    assert "router" not in options


def test_answers_of_dhcp_for_ipv6(cloud: World) -> None:
    network = cloud.network()
    made = {}
    for number, mode in enumerate(("slaac", "dhcpv6-stateless", "dhcpv6-stateful", None)):
        modes = {"ipv6_ra_mode": mode, "ipv6_address_mode": mode}
        made[mode] = Key("subnet", cloud.subnet(network, f"fd00:{number}::/64", **modes).id)
    found = objects(cloud)
    assert made["slaac"] not in found and made[None] not in found
    assert found[made["dhcpv6-stateless"]].options["dhcpv6_stateless"] == "true"
    assert set(found[made["dhcpv6-stateful"]].options) == {"server_id", "domain_search"}


def port_object(cloud: World, id: str) -> SwitchPort:
    made = objects(cloud)[Key("port", id)]
    assert isinstance(made, SwitchPort)
    return made


def test_a_guests_port(cloud: World) -> None:
    network = cloud.network()
    subnet = cloud.subnet(network, "10.0.0.0/24")
    pairs = [AddressPair("10.0.0.99"), AddressPair("10.0.0.128/25", "fa:16:3e:00:00:09")]
    options = [DhcpOption("tftp-server", "boot"), DhcpOption("unheard-of", "x")]
    port = cloud.port(network, mac_address="fa:16:3e:00:00:01", allowed_address_pairs=pairs, extra_dhcp_opts=options)
    (address,) = ips(port)
    made = port_object(cloud, port.id)
    assert made.addresses == (f"fa:16:3e:00:00:01 {address}", "fa:16:3e:00:00:09")
    assert made.port_security == (f"fa:16:3e:00:00:01 {address} 10.0.0.99", "fa:16:3e:00:00:09 10.0.0.128/25")
    assert made.groups == tuple(sorted(["drop", *port.security_groups]))
    assert made.dhcp4 is None and made.own4 is not None
    assert made.own4.options["tftp_server"] == '"boot"'
    assert "unheard_of" not in made.own4.options
    assert made.options == {}
    assert made.notes["neutron:cidrs"] == f"{address}/24"
    assert made.notes["neutron:network_name"] == f"neutron-{network.id}"

    change = ports.PortChange(
        port_security_enabled=False, security_groups=[], allowed_address_pairs=[], admin_state_up=False
    )
    cloud.do(ports.update, ALICE, port, change)
    opened = port_object(cloud, port.id)
    assert (opened.port_security, opened.groups, opened.enabled) == ((), (), False)
    assert "unknown" in opened.addresses
    cloud.do(
        ports.update,
        ALICE,
        cloud.read(port_rows.get, Scope.system(), port.id),
        ports.PortChange(extra_dhcp_opts=[DhcpOption("tftp-server", None)]),
    )
    assert port_object(cloud, port.id).dhcp4 == subnet.id


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (DhcpOption("bootfile-name", 'a", x="b'), ("bootfile_name", '"a\\", x=\\"b"')),
        (DhcpOption("67", "pxelinux.0"), ("bootfile_name", '"pxelinux.0"')),
        (DhcpOption("dns-server", "192.0.2.1,192.0.2.2"), ("dns_server", "{192.0.2.1, 192.0.2.2}")),
        (DhcpOption("server-ip-address", "192.0.2.1"), ("tftp_server_address", "192.0.2.1")),
        (
            DhcpOption("classless-static-route", "10.0.0.0/8,10.0.0.1"),
            ("classless_static_route", "{10.0.0.0/8,10.0.0.1}"),
        ),
        (DhcpOption("mtu", "01400"), ("mtu", "1400")),
        (DhcpOption("dns-server", "fd00::1", 6), ("dns_server", "fd00::1")),
        (DhcpOption("unheard-of", "anything"), None),
        (DhcpOption("mtu", None), None),
        (DhcpOption("router", "10.0.0.1); next; /*"), None),
        (DhcpOption("3", "10.0.0.1, mtu = 1"), None),
        (DhcpOption("mtu", "1400; drop"), None),
        (DhcpOption("mtu", "²"), None),
        (DhcpOption("121", "10.0.0.0/8"), None),
        (DhcpOption("server-ip-address", "2015::badd"), None),
        (DhcpOption("dns-server", "fe80::1%1 || ip6", 6), None),
    ],
)
def test_dhcp_options_are_written_anew(option: DhcpOption, expected: tuple[str, str] | None) -> None:
    assert formatted(option) == expected


def test_a_bound_port_asks_for_its_chassis(cloud: World) -> None:
    network = cloud.network()
    cloud.subnet(network, "10.0.0.0/24")
    planned = cloud.do(guests.validate_requests, ALICE, None)
    (port,) = cloud.do(guests.create_ports, ALICE, "server", planned, "nova")
    cloud.do(guests.bind_ports, "server", "host", None)
    assert port_object(cloud, port.id).options == {"requested-chassis": "host"}
    cloud.do(guests.bind_ports, "server", "host", "chassis")
    assert port_object(cloud, port.id).options == {"requested-chassis": "chassis"}
    cloud.do(guests.unbind_ports, "server")
    assert port_object(cloud, port.id).options == {}


def test_a_router_with_everything(cloud: World) -> None:
    external, network = cloud.external(), cloud.network()
    four = cloud.subnet(network, "10.0.0.0/24")
    six = cloud.subnet(network, "fd00::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    row = cloud.router(ALICE, external, four, six)
    port = cloud.port(network)
    new = floating_ips.NewFloatingIp(project_id="p-alice", floating_network_id=external.id, port_id=port.id)
    floating = cloud.do(floating_ips.create, ALICE, new)
    made = objects(cloud)[Key("router", row.id)]
    assert isinstance(made, Router)
    gateway = next(one for one in made.ports if one.addresses == ("172.24.4.2/24",))
    assert made.routes == (StaticRoute("0.0.0.0/0", "172.24.4.1", f"lrp-{gateway.id}"),)
    assert set(made.nats) == {
        Nat("snat", "172.24.4.2", "10.0.0.0/24"),
        Nat("dnat_and_snat", floating.floating_ip_address, ips(port)[0], floating.id),
    }
    advertising = next(one for one in made.ports if one.addresses == ("fd00::1/64",))
    assert dict(advertising.advertisements) == {"address_mode": "slaac", "mtu": "1442", "send_periodic": "true"}
    assert gateway.advertisements == ()
    kinds = {one.type for key, one in objects(cloud).items() if isinstance(one, SwitchPort)}
    assert kinds == {"", "router", "localport"}
    assert Key("port", floating.floating_port_id) not in objects(cloud)


def test_gateways_are_spread_and_stay() -> None:
    hosts = [f"h{number}" for number in range(10)]
    first = {router: routers.chassis_for(router, hosts) for router in (f"r{number}" for number in range(50))}
    assert len({chosen[0] for chosen in first.values()}) > 5
    assert all(len(chosen) == 5 for chosen in first.values())
    without = {router: routers.chassis_for(router, hosts[1:]) for router in first}
    moved = [router for router in first if first[router][0] != without[router][0]]
    assert all(first[router][0] == "h0" for router in moved), "only what h0 carried has moved"
    assert routers.chassis_for("r", []) == ()
