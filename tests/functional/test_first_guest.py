"""A real guest: it boots, learns who it is, answers on its floating IP, and goes through its life."""

import pytest
from openstack.connection import Connection

from harness.clouds import Cloud, wait_for
from harness.guests import Guest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


def test_it_answers_ssh_and_knows_its_name(guest: Guest) -> None:
    assert guest.says("hostname") == guest.server.name


def test_it_has_the_flavors_processors_and_disk(guest: Guest) -> None:
    assert guest.says("nproc") == "1"
    assert int(guest.says("cat /sys/block/vda/size")) * 512 == 2**30


def test_it_reads_its_metadata(guest: Guest) -> None:
    found = guest.says("timeout 10 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json")
    assert guest.id in found


def test_the_console_shows_its_boot(guest: Guest, demo: Connection) -> None:
    output = demo.compute.get_server_console_output(guest.id)["output"]
    assert "login" in output


def test_the_openstack_client_sees_it(guest: Guest, cloud: Cloud) -> None:
    assert guest.server.name in cloud.openstack("server", "list", "-f", "value", "-c", "Name").split()


def test_a_whole_life_by_the_openstack_client(cloud: Cloud) -> None:
    """LAUNCH-002"""
    wanted = ("--image", "cirros", "--flavor", "m1.tiny", "--network", "private")
    cloud.openstack("server", "create", *wanted, "--wait", "by-hand")
    assert "by-hand" in cloud.openstack("server", "list", "-f", "value", "-c", "Name").split()
    assert cloud.openstack("server", "show", "by-hand", "-f", "value", "-c", "status").strip() == "ACTIVE"
    cloud.openstack("server", "delete", "--wait", "by-hand")
    assert "by-hand" not in cloud.openstack("server", "list", "-f", "value", "-c", "Name").split()


def test_stop_and_start(guest: Guest, demo: Connection) -> None:
    demo.compute.stop_server(guest.id)
    demo.compute.wait_for_server(guest.server, status="SHUTOFF", wait=120)
    assert guest.ssh("true", seconds=6).returncode != 0
    demo.compute.start_server(guest.id)
    demo.compute.wait_for_server(guest.server, status="ACTIVE", wait=120)
    guest.wait_for_ssh()


@pytest.mark.parametrize("kind", ["SOFT", "HARD"])
def test_reboot_keeps_the_disk(guest: Guest, demo: Connection, kind: str) -> None:
    guest.says(f"echo {kind} > ~/kept && sync")
    before = guest.says("cat /proc/sys/kernel/random/boot_id")
    demo.compute.reboot_server(guest.id, kind)
    wait_for(
        "another boot",
        lambda: guest.ssh("cat /proc/sys/kernel/random/boot_id").stdout.strip() not in ("", before),
        240,
    )
    demo.compute.wait_for_server(guest.server, status="ACTIVE", wait=60)
    assert guest.says("cat ~/kept") == kind


def test_what_happened_is_told_as_actions(guest: Guest, demo: Connection) -> None:
    actions = {action.action for action in demo.compute.server_actions(guest.id)}
    assert {"create", "stop", "start", "reboot"} <= actions
