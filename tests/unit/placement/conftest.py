"""An empty ledger on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.placement.support import open_ledger
from unkai.kernel.store import Database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        made = open_ledger(tmp_path)
    else:
        made = Database(request.getfixturevalue("postgres_url"))
        made.create_all()
    yield made
    made.close()
