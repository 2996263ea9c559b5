"""`unkai up` twice, and down and up again: what the cloud holds stays."""

import pytest
from openstack.connection import Connection

from harness.clouds import Cloud

DEFAULT_FLAVORS = {
    ("1", "m1.tiny", 512, 1, 1),
    ("2", "m1.small", 2048, 20, 1),
    ("3", "m1.medium", 4096, 40, 2),
    ("4", "m1.large", 8192, 80, 4),
    ("5", "m1.xlarge", 16384, 160, 8),
}
pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


def test_up_again_changes_nothing_that_runs(cloud: Cloud) -> None:
    before = {row["name"]: row["pid"] for row in cloud.status()["processes"]}
    cloud.up()
    assert {row["name"]: row["pid"] for row in cloud.status()["processes"]} == before


def test_every_part_answers(cloud: Cloud) -> None:
    assert cloud.status()["healthy"]


def test_down_and_up_keeps_what_it_holds(cloud: Cloud, demo: Connection, admin: Connection) -> None:
    """What an administrator deleted does not come back either. FLV-006"""
    flavors = {(f.id, f.name, f.ram, f.disk, f.vcpus) for f in demo.compute.flavors()}
    assert flavors == DEFAULT_FLAVORS
    admin.compute.delete_flavor("5")
    network = demo.network.create_network(name="kept")
    try:
        images = {image.id for image in demo.image.images()}
        cloud.down()
        assert not cloud.status()["healthy"]
        cloud.up()
        assert demo.network.find_network("kept").id == network.id
        assert {image.id for image in demo.image.images()} == images
        assert {flavor.id for flavor in demo.compute.flavors()} == {"1", "2", "3", "4"}
    finally:
        demo.network.delete_network(network)
