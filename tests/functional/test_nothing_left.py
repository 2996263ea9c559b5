"""After a server is deleted nothing of it is left, whoever is asked: the APIs, libvirt, Open vSwitch, the disks."""

import subprocess
from typing import Any

import pytest
from openstack.connection import Connection

from harness import guests
from harness.clouds import Cloud, wait_for
from harness.guests import Key

pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


def traces(cloud: Cloud, server_id: str, port_ids: list[str]) -> dict[str, Any]:
    """Where something of a server still is. Empty: nowhere."""
    uri = cloud.option("libvirt", "connection_uri")
    found = {
        "domains": output("virsh", "-q", "-c", uri, "list", "--all", "--uuid"),
        "ovn": output("ovn-nbctl", f"--db={cloud.option('ovn', 'ovn_nb_connection')}", "show"),
        "ovs": output("ovs-vsctl", f"--db={cloud.option('ovn', 'ovsdb_connection')}", "list", "interface"),
        "files": "\n".join(str(path) for path in (cloud.directory / "node").rglob("*")),
    }
    ids = [server_id, *port_ids]
    return {where: text for where, text in found.items() if any(one in text for one in ids)}


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_deleted_server_leaves_nothing(
    cloud: Cloud, demo: Connection, admin: Connection, key: Key, open_group: Any
) -> None:
    with guests.server(demo, key_name=key.name, security_groups=[{"name": open_group.name}]) as made:
        ports = [port.id for port in demo.network.ports(device_id=made.id)]
        assert ports
        assert set(traces(cloud, made.id, ports)) == {"domains", "ovn", "ovs", "files"}
        assert admin.placement.get(f"/allocations/{made.id}").json()["allocations"]
    wait_for("no trace", lambda: not traces(cloud, made.id, ports), 30)
    assert list(demo.network.ports(device_id=made.id)) == []
    assert admin.placement.get(f"/allocations/{made.id}").json()["allocations"] == {}
    wait_for("no unfinished flow", lambda: cloud.status()["flows"] == 0, 30)


def test_a_server_that_fits_nowhere_says_why_and_leaves_nothing(
    cloud: Cloud, demo: Connection, admin: Connection
) -> None:
    flavor = admin.compute.create_flavor(name="giant", ram=64, vcpus=1, disk=10**6)
    try:
        made = demo.compute.create_server(**guests.request(demo, flavor_id=flavor.id))
        server = wait_for(
            "ERROR",
            lambda: (s := demo.compute.get_server(made.id)).status == "ERROR" and s,
            60,
        )
        assert server.fault["code"] == 500
        assert "No valid host was found" in server.fault["message"]
        assert "No valid host was found" in cloud.openstack("server", "show", made.id, "-c", "fault")
        told = cloud.unkai("explain", made.id, "--directory", str(cloud.directory)).stdout
        assert "DISK_GB" in told
        guests.delete(demo, made)
        assert traces(cloud, made.id, []) == {}
        assert admin.placement.get(f"/allocations/{made.id}").json()["allocations"] == {}
    finally:
        admin.compute.delete_flavor(flavor)
