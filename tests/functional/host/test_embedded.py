"""OVN, libvirt and two guests on one host: reachable, fenced, and still there after every daemon was killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.clouds import wait_for
from harness.host import Host, call, host
from unkai.cli.embedded import external, libvirt, ovn
from unkai.cli.embedded.external import External
from unkai.kernel import children

pytestmark = [pytest.mark.root, pytest.mark.ovn, pytest.mark.libvirt, pytest.mark.guest, pytest.mark.timeout(600)]

FIRST, SECOND = "172.24.4.101", "172.24.4.102"
PORTS = ["port1", "00000000-0000-4000-8000-000000000002"]  # libvirt wants a UUID where it plugs itself
OVN_DAEMONS = ["nb-db", "sb-db", "northd", "conf-db", "vswitchd", "controller"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Host]:
    """A host with a router, a private network and two guests; a security group lets in ping and SSH."""
    with host() as made:
        wire(made)
        made.boot("first", "fa:16:3e:00:01:01", made.plug(PORTS[0]))
        made.boot("second", "fa:16:3e:00:01:02", made.plugged_by_libvirt(PORTS[1]))
        for address in FIRST, SECOND:
            wait_for(f"SSH to {address}", lambda: made.ssh(address, "true").returncode == 0, 180)  # noqa: B023
        yield made


def wire(made: Host) -> None:
    nb = made.nb
    nb("ls-add", "net1", "--", "set", "logical_switch", "net1", "other_config:subnet=10.0.0.0/24")
    server = '"server_id"="10.0.0.1" "server_mac"="fa:16:3e:ff:00:01" "lease_time"="43200"'
    dhcp = nb("create", "dhcp_options", "cidr=10.0.0.0/24", f'options={server} "router"="10.0.0.1" "mtu"="1442"')
    for number, port in enumerate(PORTS, 1):
        address = f"fa:16:3e:00:01:0{number} 10.0.0.1{number}"
        nb("lsp-add", "net1", port, "--", "lsp-set-addresses", port, address)
        nb("lsp-set-port-security", port, address, "--", "lsp-set-dhcpv4-options", port, dhcp)
    nb("pg-add", "drop", *PORTS, "--", "pg-add", "group", *PORTS)
    for direction, side in ("from-lport", "inport"), ("to-lport", "outport"):
        nb("acl-add", "drop", direction, "1001", f"{side} == @drop && ip", "drop")
    nb("acl-add", "group", "from-lport", "1002", "inport == @group && ip4", "allow-related")
    nb("acl-add", "group", "to-lport", "1002", "outport == @group && icmp4", "allow-related")
    nb("acl-add", "group", "to-lport", "1002", "outport == @group && tcp.dst == 22", "allow-related")
    nb("ls-add", "public", "--", "lsp-add", "public", "provider", "--", "lsp-set-type", "provider", "localnet")
    nb("lsp-set-addresses", "provider", "unknown", "--", "lsp-set-options", "provider", "network_name=public")
    nb("lr-add", "r1", "--", "lrp-add", "r1", "r1-net1", "fa:16:3e:00:02:01", "10.0.0.1/24")
    nb("lrp-add", "r1", "r1-public", "fa:16:3e:00:02:02", "172.24.4.10/24")
    for switch, port in ("net1", "r1-net1"), ("public", "r1-public"):
        nb("lsp-add", switch, f"{switch}-r1", "--", "lsp-set-type", f"{switch}-r1", "router")
        nb(
            "lsp-set-addresses",
            f"{switch}-r1",
            "router",
            "--",
            "lsp-set-options",
            f"{switch}-r1",
            f"router-port={port}",
        )
    nb("lr-route-add", "r1", "0.0.0.0/0", "172.24.4.1", "--", "lrp-set-gateway-chassis", "r1-public", "host1", "20")
    nb("lr-nat-add", "r1", "snat", "172.24.4.10", "10.0.0.0/24")
    nb("lr-nat-add", "r1", "dnat_and_snat", FIRST, "10.0.0.11")
    nb("lr-nat-add", "r1", "dnat_and_snat", SECOND, "10.0.0.12")
    nb("--wait=hv", "--timeout=30", "sync")


def guest_says(machine: Host, address: str, command: str) -> bool:
    done = machine.ssh(address, command)
    assert done.returncode != 255, done.stderr  # ssh itself
    return done.returncode == 0


@contextmanager
def pinging(address: str) -> Iterator[list[int]]:
    """A ping five times a second; on leaving, the list holds how many were sent and how many answered."""
    count: list[int] = []
    ping = subprocess.Popen(["ping", "-n", "-i", "0.2", "-W", "2", address], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        yield count
    finally:
        ping.send_signal(signal.SIGINT)
        text = ping.communicate()[0]
    count += [int(number) for number in re.findall(r"(\d+) (?:packets transmitted|received)", text)]


def pid_of(machine: Host, name: str) -> int:
    rows = [*ovn.status(machine.ovn), *libvirt.status(machine.libvirt)]
    return next(row.pid for row in rows if row.name == name)


# ---- what is there --------------------------------------------------------------------------------


def test_every_daemon_runs(machine: Host) -> None:
    rows = ovn.status(machine.ovn)
    assert [row.name for row in rows] == OVN_DAEMONS
    assert [row.name for row in libvirt.status(machine.libvirt)] == ["virtlogd", "libvirtd"]
    assert {row.state for row in [*rows, *libvirt.status(machine.libvirt)]} == {"running"}


def test_no_daemon_listens_on_tcp(machine: Host) -> None:
    assert call("ss", "--tcp", "--listening", "--numeric", "--no-header") == ""


def test_only_the_north_bound_socket_can_be_reached_by_others(machine: Host) -> None:
    options = ovn.Options(machine.folder / "ovn", "host1", group="nogroup")
    ovn._make_directories(options)
    folder = machine.folder / "ovn"
    assert folder.stat().st_mode & 0o777 == 0o711
    assert (folder / "nb").stat().st_mode & 0o7777 == 0o2750
    assert (folder / "nb" / "nb.sock").stat().st_mode & 0o777 == 0o770
    for private in "run", "db", "children":
        assert (folder / private).stat().st_mode & 0o777 == 0o700
    # The database server made its socket when the folder had no group; a new one gets the group.
    os.kill(pid_of(machine, "nb-db"), signal.SIGKILL)
    ask = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "ovn-nbctl", "--no-leader-only"]
    north = [*ask, f"--db={machine.network.northbound}", "--timeout=5", "ls-list"]
    wait_for("an unprivileged client", lambda: "net1" in call(*north, check=False), 20)
    south = ["ovn-sbctl" if part == "ovn-nbctl" else part for part in ask]
    refused = subprocess.run(
        [*south, f"--db={machine.network.southbound}", "--timeout=2", "show"], capture_output=True, check=False
    )
    assert refused.returncode != 0


def test_guests_reach_each_other(machine: Host) -> None:
    assert guest_says(machine, FIRST, "ping -c 2 -W 2 10.0.0.12")
    assert machine.ssh(SECOND, "hostname").stdout == "second\n"


def test_ssh_is_dropped_without_the_rule_and_passes_within_a_second_of_it(machine: Host) -> None:
    rule = ["acl-del", "group", "to-lport", "1002", "outport == @group && tcp.dst == 22"]
    machine.nb("--wait=hv", *rule)
    assert machine.ssh(FIRST, "true", seconds=2).returncode == 255
    began = time.monotonic()
    machine.nb("acl-add", *rule[1:], "allow-related")
    while machine.ssh(FIRST, "true", seconds=1).returncode != 0:
        assert time.monotonic() - began < 20
    # The time of one SSH session under emulation is not the rule's.
    answered = time.monotonic() - began
    began = time.monotonic()
    assert machine.ssh(FIRST, "true").returncode == 0
    assert answered - (time.monotonic() - began) < 1.5


# ---- the fence ------------------------------------------------------------------------------------


@contextmanager
def serving(address: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "http.server", "--bind", address, str(port)]
    server = subprocess.Popen(
        command, cwd="/var/empty" if Path("/var/empty").is_dir() else "/", stderr=subprocess.PIPE
    )
    try:
        wait_for("the service", lambda: call("ss", "-Hltn", f"sport = {port}"), 10)
        yield
    finally:
        server.kill()
        server.communicate()


@pytest.fixture
def world(machine: Host) -> Iterator[str]:
    """The address of a machine beyond this one, which knows the way back, while this one forwards packets."""
    beyond = f"{machine.folder.name}-world"[-15:]
    call("ip", "netns", "add", beyond)
    call("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", beyond)
    call("ip", "addr", "add", "192.0.2.1/24", "dev", "uplink")
    call("ip", "link", "set", "uplink", "up")
    enter = ["nsenter", f"--net=/run/netns/{beyond}", "ip"]
    call(*enter, "addr", "add", "192.0.2.2/24", "dev", "eth0")
    call(*enter, "link", "set", "eth0", "up")
    call(*enter, "route", "add", "172.24.4.0/24", "via", "192.0.2.1")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    try:
        yield "192.0.2.2"
    finally:
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
        call("ip", "link", "del", "uplink")
        call("ip", "netns", "del", beyond)
        external.apply(machine.ovn.external, userspace=True)


def test_guests_are_not_forwarded_to_the_world(machine: Host, world: str) -> None:
    call("ping", "-c", "1", "-W", "2", world)
    assert not guest_says(machine, FIRST, f"ping -c 2 -W 1 {world}")
    external.remove(machine.ovn.external)
    assert guest_says(machine, FIRST, f"ping -c 2 -W 2 {world}"), "without the fence they would be"
    external.apply(machine.ovn.external, userspace=True)
    assert not guest_says(machine, FIRST, f"ping -c 2 -W 1 {world}")


def test_outbound_lets_guests_out_masqueraded(machine: Host, world: str) -> None:
    beyond = f"{machine.folder.name}-world"[-15:]
    call("nsenter", f"--net=/run/netns/{beyond}", "ip", "route", "del", "172.24.4.0/24")
    external.apply(External(outbound=True), userspace=True)
    assert guest_says(machine, FIRST, f"ping -c 2 -W 2 {world}")


def test_guests_reach_no_service_of_the_machine_unless_opened(machine: Host) -> None:
    get = "curl -m 2 http://172.24.4.1:8099/"
    with serving("172.24.4.1", 8099):
        assert guest_says(machine, FIRST, "ping -c 1 -W 2 172.24.4.1")
        assert not guest_says(machine, FIRST, get)
        external.apply(External(open_ports=(8099,)), userspace=True)
        assert guest_says(machine, FIRST, get)
        external.apply(machine.ovn.external, userspace=True)
        assert not guest_says(machine, FIRST, get)


def test_guests_never_reach_the_machines_own_metadata(machine: Host) -> None:
    call("ip", "addr", "add", "169.254.169.254/32", "dev", "lo")
    try:
        with serving("169.254.169.254", 80):
            # Not by the network's own metadata port, but by the router and the machine; every port open.
            guest_says(machine, FIRST, "sudo ip route replace 169.254.169.254/32 via 10.0.0.1")
            external.apply(External(open_ports=(80,)), userspace=True)
            assert not guest_says(machine, FIRST, "curl -m 2 http://169.254.169.254/")
            external.remove(machine.ovn.external)
            assert guest_says(machine, FIRST, "curl -m 2 http://169.254.169.254/"), "without the fence they would"
    finally:
        call("ip", "addr", "del", "169.254.169.254/32", "dev", "lo")
        external.apply(machine.ovn.external, userspace=True)


def test_a_tap_in_the_guests_group_leads_to_ovn_only(machine: Host) -> None:
    """With the userspace datapath a tap is also a link of the machine: what OVN would drop arrives there."""
    if machine.network.datapath != "netdev":
        pytest.skip("the kernel's datapath takes the frames away from the machine's own stack")
    tap = machine.vs("--bare", "--columns=name", "find", "Interface", f"external_ids:iface-id={PORTS[1]}")
    ask = "sudo arping -c 2 -w 3 -I eth0 172.24.4.1"
    assert not guest_says(machine, FIRST, ask)
    assert guest_says(machine, SECOND, ask), "a tap outside the group leaks, as libvirt makes it"
    call("ip", "link", "set", tap, "group", str(external.GUEST_LINK_GROUP))
    assert not guest_says(machine, SECOND, ask)


def test_a_second_cloud_is_refused_and_its_end_costs_the_first_nothing(machine: Host) -> None:
    address = External(addresses=("198.51.100.1/24",), bridge="br-other")
    second = ovn.Options(machine.folder / "second", "host2", group=None, external=address, integration_bridge="br-i2")
    with pytest.raises(ovn.HostError, match=rf"another Open vSwitch runs .*{pid_of(machine, 'vswitchd')}"):
        ovn.start(second, children.Supervisor())
    assert not second.directory.exists()
    ovn.stop(ovn.Options(machine.folder / "second", "host2", group=None))
    assert machine.ssh(FIRST, "true").returncode == 0
    assert "unkai_br_ex" in call("nft", "list", "tables")


# ---- death ----------------------------------------------------------------------------------------


def killed_and_back(machine: Host, name: str) -> None:
    before = pid_of(machine, name)
    os.kill(before, signal.SIGKILL)
    wait_for(f"{name} restarted", lambda: pid_of(machine, name) not in (0, before), 20)


def test_killed_daemons_come_back_and_guests_lose_no_packet(machine: Host) -> None:
    with pinging(FIRST) as count:
        for name in "libvirtd", "virtlogd", "controller", "northd", "sb-db", "conf-db":
            killed_and_back(machine, name)
        time.sleep(1)
    sent, received = count
    assert sent > 10
    # The last one may have been under way when ping was ended: it counts as sent. A gap would be several.
    assert sent - received <= 1
    names = wait_for("libvirt finds its guests", lambda: [d.name() for d in machine.connect().listAllDomains()], 20)
    assert sorted(name.partition("-")[0] for name in names) == ["first", "second"]
    assert machine.ssh(SECOND, "hostname").stdout == "second\n"
    machine.nb("--wait=hv", "--timeout=20", "sync")


def test_a_killed_switch_comes_back_with_bridges_and_fence(machine: Host) -> None:
    killed_and_back(machine, "vswitchd")
    began = time.monotonic()
    wait_for("the floating IP answers", lambda: not call_fails("ping", "-c", "1", "-W", "1", FIRST), 30)
    assert time.monotonic() - began < 15
    addresses = json.loads(call("ip", "-json", "addr", "show", "dev", "br-ex"))[0]["addr_info"]
    assert "172.24.4.1" in [address["local"] for address in addresses]
    assert machine.ssh(SECOND, "hostname").stdout == "second\n"


def call_fails(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode != 0


def test_a_new_supervisor_adopts_all_and_watches(machine: Host) -> None:
    names = [*OVN_DAEMONS, "virtlogd", "libvirtd"]
    before = {name: pid_of(machine, name) for name in names}
    machine.supervisor.release()
    with pinging(FIRST) as count:
        machine.supervise()
    assert {name: pid_of(machine, name) for name in names} == before
    assert count[0] == count[1]
    killed_and_back(machine, "controller")


# ---- the end --------------------------------------------------------------------------------------


def test_stop_leaves_nothing() -> None:
    with host() as made:
        made.supervisor.release()
        libvirt.stop(made.libvirt)
        ovn.stop(made.ovn)
        assert [link["ifname"] for link in json.loads(call("ip", "-json", "link"))] == ["lo"]
        assert call("nft", "list", "ruleset") == ""
        assert {row.state for row in [*ovn.status(made.ovn), *libvirt.status(made.libvirt)]} == {"stopped"}
        libvirt.stop(made.libvirt)
        ovn.stop(made.ovn)
        # And all of it comes up again from what was kept.
        made.supervise()
        assert made.nb("ls-list") == ""
    assert made.processes() == []
    assert not made.folder.exists()


def test_a_network_the_machine_already_has_is_refused_before_anything_starts() -> None:
    with host() as made:
        call("ip", "link", "add", "lan", "type", "veth", "peer", "name", "lan1")
        call("ip", "addr", "add", "10.20.0.5/16", "dev", "lan")
        other = ovn.Options(
            made.folder / "other", "host2", group=None, external=External(addresses=("10.20.30.1/24",), bridge="br-o")
        )
        with pytest.raises(ovn.HostError, match=r"10\.20\.30\.0/24 overlaps 10\.20\.0\.0/16, which lan"):
            ovn.start(other, children.Supervisor())
        assert not (made.folder / "other").exists()
