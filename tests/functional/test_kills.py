"""kill -9 of a part in the middle of a build: the server becomes ACTIVE or a clean ERROR, running guests go on."""

import os
import signal
import time
from typing import Any

import pytest
from openstack.connection import Connection

from harness import guests
from harness.clouds import Cloud, wait_for
from harness.guests import Guest

pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


@pytest.mark.parametrize("part", ["control-plane", "agent", "libvirtd"])
@pytest.mark.parametrize("after", [0.1, 0.6], ids=lambda seconds: f"after {seconds} s")
def test_a_killed_part_leaves_nothing_half_done(
    cloud: Cloud, demo: Connection, guest: Guest, open_group: Any, part: str, after: float
) -> None:
    boot = guest.says("cat /proc/sys/kernel/random/boot_id")
    pid = cloud.pid(part)
    made = demo.compute.create_server(**guests.request(demo, security_groups=[{"name": open_group.name}]))
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    assert guest.ssh("true").returncode == 0, "a running guest lost its network"
    wait_for(f"{part} again", lambda: cloud.status()["healthy"], 60)
    server = wait_for(
        "a final state",
        lambda: (s := demo.compute.get_server(made.id)).status in ("ACTIVE", "ERROR") and s,
        180,
    )
    assert server.task_state is None
    if server.status == "ERROR":
        assert server.fault["message"]
    guests.delete(demo, made)
    wait_for("no unfinished flow", lambda: cloud.status()["flows"] == 0, 60)
    assert guest.says("cat /proc/sys/kernel/random/boot_id") == boot
