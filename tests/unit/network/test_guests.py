"""What Compute asks of the network: planned interfaces, ports of servers, and how they are let go."""

import pytest

from unit.network.world import ADMIN, ALICE, BOB, World, ips
from unkai.contracts.guest import MetadataPort
from unkai.kernel.scope import Scope
from unkai.network import errors
from unkai.network.model import COMPUTE
from unkai.network.service import floating_ips, guests, security_groups, system_ports
from unkai.network.service.guests import NetworkRequest
from unkai.network.store import pending, ports


def plan(cloud: World, context, requests, count: int = 1):
    return cloud.do(guests.validate_requests, context, requests, count)


def test_a_server_gets_ports_in_the_order_of_its_requests(cloud: World) -> None:
    first, second = cloud.network(name="first"), cloud.network(name="second")
    cloud.subnet(first, "10.1.0.0/24")
    cloud.subnet(second, "10.2.0.0/24")
    given = cloud.port(second)
    wishes = [NetworkRequest(port_id=given.id), NetworkRequest(network_id=first.id, fixed_ip="10.1.0.77")]
    planned = plan(cloud, ALICE, wishes)
    made = cloud.do(guests.create_ports, ALICE, "server-1", planned, "nova")
    assert made[0].id == given.id
    assert ips(made[1]) == ["10.1.0.77"]
    assert {port.device_owner for port in made} == {COMPUTE + "nova"}

    nics = cloud.read(guests.nics_by_servers, ["server-1", "nobody"])
    assert [nic.network_label for nic in nics["server-1"]] == ["second", "first"]
    assert nics["server-1"][1].security_groups == ["default"]
    interfaces = cloud.read(guests.interfaces, "server-1")
    assert [interface.mac for interface in interfaces] == [port.mac_address for port in made]
    assert interfaces[1].addresses[0].gateway == "10.1.0.1"
    assert interfaces[1].addresses[0].prefix_length == 24
    assert interfaces[1].mtu == 1442
    metadata = cloud.read(system_ports.metadata_port, first.id)
    assert interfaces[1].metadata == MetadataPort(metadata.id, metadata.mac_address, [f"{ips(metadata)[0]}/24"])


def test_release_deletes_what_was_made_and_frees_what_was_given(cloud: World) -> None:
    network = cloud.network()
    cloud.subnet(network, "10.1.0.0/24")
    given = cloud.port(network)
    planned = plan(cloud, ALICE, [NetworkRequest(port_id=given.id), NetworkRequest(network_id=network.id)])
    made = cloud.do(guests.create_ports, ALICE, "server-1", planned, "nova")
    cloud.do(guests.bind_ports, "server-1", "host-1")
    cloud.do(guests.release_ports, "server-1")
    left = cloud.read(ports.by_ids, Scope.system(), [port.id for port in made])
    assert list(left) == [given.id]
    assert (left[given.id].device_id, left[given.id].host) == ("", "")
    noted = {item.object_id for item in cloud.read(pending.everything) if item.kind == "port"}
    assert noted >= {port.id for port in made}


def test_the_one_network_of_a_project_is_taken(cloud: World) -> None:
    assert plan(cloud, ALICE, None) == []
    network = cloud.network()
    cloud.subnet(network, "10.1.0.0/24")
    cloud.external()
    foreign = cloud.network(BOB)
    cloud.subnet(foreign, "10.1.0.0/24", BOB)
    assert [nic.network_id for nic in plan(cloud, ALICE, None)] == [network.id]
    assert plan(cloud, ALICE, "none") == []
    other = cloud.network()
    cloud.subnet(other, "10.2.0.0/24")
    with pytest.raises(errors.NetworkAmbiguous):
        plan(cloud, ALICE, "auto")


def test_what_cannot_be_connected_is_refused(cloud: World) -> None:
    network, empty, external = cloud.network(), cloud.network(), cloud.external()
    cloud.subnet(network, "10.1.0.0/24")
    taken = cloud.port(network, device_id="other")
    foreign = cloud.network(BOB)
    cloud.subnet(foreign, "10.9.0.0/24", BOB)
    theirs = cloud.port(foreign, BOB)
    cases = [
        (NetworkRequest(network_id=foreign.id), errors.NetworkNotFound),
        (NetworkRequest(network_id="nonsense"), errors.NetworkNotFound),
        (NetworkRequest(port_id=theirs.id), errors.PortNotFound),
        (NetworkRequest(port_id=taken.id), errors.PortInUse),
        (NetworkRequest(network_id=empty.id), errors.NetworkRequiresSubnet),
        (NetworkRequest(network_id=external.id), errors.ExternalNetworkAttachForbidden),
        (NetworkRequest(network_id=network.id, fixed_ip=ips(taken)[0]), errors.FixedIpAlreadyInUse),
        (NetworkRequest(network_id=network.id, fixed_ip="10.200.0.1"), errors.InvalidIpForNetwork),
    ]
    for request, error in cases:
        with pytest.raises(error):
            plan(cloud, ALICE, [request])
    assert plan(cloud, ADMIN, [NetworkRequest(network_id=external.id)])
    with pytest.raises(errors.OverQuota):
        plan(cloud, ALICE, [NetworkRequest(network_id=network.id)], count=1000)


def test_groups_are_put_on_and_taken_off_servers(cloud: World) -> None:
    network = cloud.network()
    cloud.subnet(network, "10.1.0.0/24")
    group = cloud.do(security_groups.create, ALICE, security_groups.NewSecurityGroup(project_id="p-alice", name="web"))
    cloud.do(guests.create_ports, ALICE, "server-1", plan(cloud, ALICE, None), "nova")
    cloud.do(guests.add_security_group, ALICE, "server-1", "web")
    names = cloud.read(guests.security_groups_of, ["server-1"])["server-1"]
    assert [name for _, name in names] == ["default", "web"]
    cloud.do(guests.remove_security_group, ALICE, "server-1", group.id)
    with pytest.raises(errors.SecurityGroupNotAttached):
        cloud.do(guests.remove_security_group, ALICE, "server-1", "web")
    with pytest.raises(errors.SecurityGroupNotFound):
        cloud.do(guests.add_security_group, ALICE, "server-1", "nothing")


def test_lists_take_a_constant_number_of_statements(cloud: World) -> None:
    network, external = cloud.network(), cloud.external()
    subnet = cloud.subnet(network, "10.1.0.0/24")
    cloud.router(ALICE, external, subnet)
    for number in range(5):
        (port,) = cloud.do(guests.create_ports, ALICE, f"server-{number}", plan(cloud, ALICE, None), "nova")
        new = floating_ips.NewFloatingIp(project_id="p-alice", floating_network_id=external.id, port_id=port.id)
        cloud.do(floating_ips.create, ALICE, new)

    def statements(count: int) -> int:
        before = cloud.kit.db.statements
        found = cloud.read(guests.nics_by_servers, [f"server-{number}" for number in range(count)])
        assert len(found) == count
        assert all(nics[0].floating_ips for nics in found.values())
        return cloud.kit.db.statements - before

    assert statements(1) == statements(5)
