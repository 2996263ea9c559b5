"""The revisions make exactly the tables that the rooms declare, on both databases, and can be repeated."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from unkai import migrations
from unkai.kernel.store import Database, tables


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/m.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_upgrade_makes_what_the_rooms_declare(url: str) -> None:
    db = Database(url)
    try:
        assert migrations.current(db) is None
        assert migrations.upgrade(db) == migrations.head()
        assert migrations.upgrade(db) == migrations.current(db)
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, tables) == []
    finally:
        db.close()
