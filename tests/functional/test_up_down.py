"""`unkai up` twice, and down and up again: what the cloud holds stays."""

import pytest
from openstack.connection import Connection

from harness.clouds import Cloud

pytestmark = [pytest.mark.guest, pytest.mark.timeout(900)]


def test_up_again_changes_nothing_that_runs(cloud: Cloud) -> None:
    before = {row["name"]: row["pid"] for row in cloud.status()["processes"]}
    cloud.up()
    assert {row["name"]: row["pid"] for row in cloud.status()["processes"]} == before


def test_every_part_answers(cloud: Cloud) -> None:
    assert cloud.status()["healthy"]


def test_down_and_up_keeps_what_it_holds(cloud: Cloud, demo: Connection) -> None:
    network = demo.network.create_network(name="kept")
    try:
        images = {image.id for image in demo.image.images()}
        cloud.down()
        assert not cloud.status()["healthy"]
        cloud.up()
        assert demo.network.find_network("kept").id == network.id
        assert {image.id for image in demo.image.images()} == images
    finally:
        demo.network.delete_network(network)
