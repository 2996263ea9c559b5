"""For every test: what the machine cannot run is skipped, with the reason."""

from collections.abc import Iterator

import pytest

from harness import machine, postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {marker: machine.lacks(marker) for marker in machine.NEEDS}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server for this test process; tests that use it carry the marker `postgres`."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """The SQLAlchemy address of an empty PostgreSQL database of this test's own."""
    return postgres_server.new_database()
