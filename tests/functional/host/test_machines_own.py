"""What the machine runs itself is used, never fought; and libvirt where no mount namespace can be made."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.host import Host, call, host
from unkai.cli.embedded import libvirt, ovn
from unkai.cli.embedded.tools import HostError
from unkai.kernel import children
from unkai.kernel.children import Child, Supervisor

pytestmark = [pytest.mark.root, pytest.mark.ovn, pytest.mark.libvirt, pytest.mark.timeout(300)]


@pytest.fixture
def system_ovs() -> Iterator[tuple[Host, ovn.Options]]:
    """A machine that runs its own Open vSwitch with a bridge `lan` (here: of an embedded host, minus its OVN)."""
    with host() as made:
        made.supervisor.release()
        for child in ovn.specifications(made.ovn):
            if child.name in ("controller", "northd", "sb-db", "nb-db"):
                children.stop(child)
        made.vs("del-br", "br-int", "--", "del-br", "br-ex", "--", "remove", "Open_vSwitch", ".", "external_ids",
                "ovn-remote", "--", "add-br", "lan", "--", "set", "Bridge", "lan", "datapath_type=netdev")  # fmt: skip
        yield (
            made,
            ovn.Options(
                made.folder / "second", "host2", group=None, system_ovs=made.folder / "ovn/run", system_ovn=made.folder
            ),
        )


def test_a_system_open_vswitch_gets_our_bridges_and_loses_only_those(system_ovs: tuple[Host, ovn.Options]) -> None:
    machine, options = system_ovs
    supervisor = Supervisor()
    try:
        endpoints = ovn.start(options, supervisor)
        assert endpoints.ovs == machine.network.ovs
        assert endpoints.environment == {"OVS_RUNDIR": str(machine.folder / "ovn/run")}
        assert [row.name for row in ovn.status(options)] == ["nb-db", "sb-db", "northd", "controller"]
        assert machine.vs("list-br").split() == ["br-ex", "br-int", "lan"]
        # The chassis kept the identity the machine had given it.
        chassis = json.loads(
            call("ovn-sbctl", f"--db={endpoints.southbound}", "--format=json", "--columns=name", "list", "Chassis")
        )
        assert chassis["data"] == [["host1"]]
        call("ping", "-c", "1", "172.24.4.1")
    finally:
        supervisor.release()
        ovn.stop(options)
    assert machine.vs("list-br") == "lan"
    assert "ovn-remote" not in machine.vs("get", "Open_vSwitch", ".", "external_ids")
    assert {row.state for row in ovn.status(options)} == {"stopped"}


def test_a_chassis_of_another_ovn_is_left_alone(system_ovs: tuple[Host, ovn.Options]) -> None:
    machine, options = system_ovs
    machine.vs("set", "Open_vSwitch", ".", "external_ids:ovn-remote=tcp:192.0.2.9:6642")
    before = machine.vs("get", "Open_vSwitch", ".", "external_ids")
    with pytest.raises(HostError, match=r"chassis of another OVN \(tcp:192\.0\.2\.9:6642\)"):
        ovn.start(options, Supervisor())
    ovn.stop(options)
    assert machine.vs("get", "Open_vSwitch", ".", "external_ids") == before
    assert machine.vs("list-br") == "lan"
    assert not options.directory.exists()


def test_libvirt_without_a_mount_namespace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The shared layout, tried where its machine-wide folders are somebody else's empty ones."""
    script = textwrap.dedent("""
        import subprocess, sys
        from pathlib import Path
        from unkai.cli.embedded import libvirt
        from unkai.kernel import children
        from unkai.kernel.children import Supervisor
        options = libvirt.Options(Path(sys.argv[1]), layout="shared")
        supervisor, another = Supervisor(), Supervisor()
        try:
            endpoints = libvirt.start(options, supervisor)
            assert endpoints.layout == "shared", endpoints
            assert libvirt.start(options, another) == endpoints
            assert "namespaces" in Path("/etc/libvirt/qemu.conf").read_text()
            assert not Path("/run/libvirt/libvirt-sock").exists()
            print([row.state for row in libvirt.status(options)])
        finally:
            another.release()
            supervisor.release()
            libvirt.stop(options)
        print([row.state for row in libvirt.status(options)])
    """)
    private = "for d in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do "
    private += 'mkdir -p $d; mount -t tmpfs tmpfs $d; done; exec "$@"'
    folder = Path(tmp_path_factory.mktemp("libvirt"))
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", private, "enter"]
    done = subprocess.run(
        [*enter, sys.executable, "-c", script, str(folder / "l")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['running', 'running']\n['stopped', 'stopped']\n"
    assert libvirt.status(libvirt.Options(folder / "l", layout="shared"))[0].state == "stopped"
    assert children.adopt(Child("libvirtd", (), folder / "l/children")) is None
