"""The schema of all rooms together, and how a database gets there (alembic).

Revisions are expand → migrate → contract, so that a release and the one before it
run side by side on PostgreSQL. SQLite is brought up to date at start.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from unkai import cloud
from unkai.kernel.store import Database

__all__ = ["config", "current", "head", "upgrade"]


def config(connection: sa.Connection | None = None) -> Config:
    """alembic's configuration without a file; `connection` is used instead of a URL."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


def head() -> str:
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


def current(db: Database) -> str | None:
    """The database's revision; None when it is empty."""
    with db.engine.connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
        return revision


def upgrade(db: Database) -> str:
    """Bring the database to the newest revision, in one transaction; returns that revision."""
    cloud.modules()  # makes all tables known
    with db.engine.begin() as connection:
        command.upgrade(config(connection), "head")
    return head()
