from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.identity import IdentityCloud, identity_cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[IdentityCloud]:
    with identity_cloud(tmp_path) as built:
        yield built


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IdentityCloud]:
    """The room on each database in turn."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with identity_cloud(tmp_path, url=url) as built:
        yield built
