"""A cloud with simulated hosts per module: the Compute room as clients meet it, with every room below it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from harness.simulated_cloud import SimulatedCloud, simulated_cloud
from unkai.cloud import DatabaseOptions
from unkai.kernel.settings import Group


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
async def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SimulatedCloud]:
    """The same on both databases."""
    options: list[Group] = []
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        options.append(DatabaseOptions(connection=server.new_database()))
    async with simulated_cloud(tmp_path_factory.mktemp("cloud"), hosts=2, options=options) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def no_servers_left(cloud: SimulatedCloud) -> AsyncIterator[None]:
    """Quotas and lists start anew in every test."""
    yield
    await cloud.forget()
