"""One cloud with real guests for all functional tests, and what most of them need in it."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from harness import clouds, guests
from harness.clouds import Cloud
from harness.guests import Guest, Key

_started: list[Cloud] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure comes what the cloud's processes said."""
    report = yield
    if report.failed and _started:
        report.sections.append(("the cloud's logs", _started[0].troubles()))
    return report


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with clouds.scratch() as made:
        _started.append(made)
        made.up()
        yield made
        _started.clear()


@pytest.fixture(scope="session")
def demo(cloud: Cloud) -> Connection:
    """An ordinary user's connection."""
    return cloud.connect("unkai-demo")


@pytest.fixture(scope="session")
def admin(cloud: Cloud) -> Connection:
    return cloud.connect("unkai-admin")


@pytest.fixture(scope="session")
def key(demo: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Key]:
    with guests.key_pair(demo, tmp_path_factory.mktemp("key")) as made:
        yield made


@pytest.fixture(scope="session")
def open_group(demo: Connection) -> Iterator[Any]:
    """A security group that lets in SSH and ping."""
    with guests.security_group(demo, 22) as made:
        yield made


@pytest.fixture(scope="module")
def guest(demo: Connection, key: Key, open_group: Any) -> Iterator[Guest]:
    """A guest of demo's that answers SSH, for the tests of one module."""
    with guests.reachable(demo, key, open_group) as made:
        yield made
