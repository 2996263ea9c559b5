from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.network import world
from unit.network.world import World


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The room without its API, on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    made = world.make(tmp_path, url=url)
    yield made
    made.kit.db.close()
