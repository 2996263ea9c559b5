from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.network import world
from unit.network.world import World


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[World]:
    made = world.make(tmp_path)
    yield made
    made.kit.db.close()
