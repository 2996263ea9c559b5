"""One host with OVN and libvirt for all tests of this folder that need one."""

from collections.abc import AsyncIterator, Iterator

import pytest

from harness.host import Host, host
from harness.hypervisor import Node, node


@pytest.fixture(scope="session")
def machine() -> Iterator[Host]:
    with host() as made:
        yield made


@pytest.fixture
async def hypervisor(machine: Host) -> AsyncIterator[Node]:
    """A fresh control plane and state directory on the host; nothing may be left of a test's guests."""
    # As a new supervisor: what an earlier test killed must not make this one wait longer.
    machine.supervisor.release()
    machine.supervise()
    async with node(machine) as made:
        yield made
        if made.where.instances.exists():
            assert made.left_over() == []
