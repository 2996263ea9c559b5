"""Security groups, neighbours and other projects, seen from real guests."""

import time
from typing import Any

import pytest
from openstack.connection import Connection

from harness import guests
from harness.clouds import wait_for
from harness.guests import Guest, Key

pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


def test_ssh_needs_a_rule_that_works_within_a_second(demo: Connection, key: Key, open_group: Any) -> None:
    """The default group alone lets nothing in. LAUNCH-004, SEC-007"""
    default = demo.network.find_security_group("default")
    with guests.reachable(demo, key, open_group) as guest:
        port = next(iter(demo.network.ports(device_id=guest.id)))
        demo.network.update_port(port, security_group_ids=[default.id])
        wait_for("SSH is dropped", lambda: guest.ssh("true", seconds=4).returncode != 0, 15)
        rule = guests.allow_tcp(demo, default, 22)
        time.sleep(1.0)
        assert guest.ssh("true", seconds=10).returncode == 0
        demo.network.delete_security_group_rule(rule)
        wait_for("SSH is dropped again", lambda: guest.ssh("true", seconds=4).returncode != 0, 15)


def test_neighbours_reach_each_other(demo: Connection, guest: Guest, open_group: Any) -> None:
    with guests.server(demo, security_groups=[{"name": open_group.name}]) as other:
        address = next(iter(demo.network.ports(device_id=other.id))).fixed_ips[0]["ip_address"]
        wait_for(
            f"ping {address}",
            lambda: guest.ssh(f"ping -c 1 -W 2 {address}").returncode == 0,
            guests.BOOT_SECONDS,
            pause=1,
        )


def test_another_project_sees_and_changes_nothing(admin: Connection, guest: Guest) -> None:
    """admin's project is not demo's: without all_projects nothing of demo's is in its lists."""
    assert guest.id not in {server.id for server in admin.compute.servers()}
    assert guest.address not in {address.floating_ip_address for address in admin.network.ips(project_id="none")}
