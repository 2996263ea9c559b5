"""What alembic runs for every command: our tables on the connection it was given."""

from typing import Literal

import sqlalchemy as sa
from alembic import context

from unkai import cloud
from unkai.kernel.columns import Json, Time
from unkai.kernel.store import tables

cloud.modules()


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Revisions name plain types: they must not change when ours do."""
    if kind == "type" and isinstance(item, Time):
        return "sa.BigInteger()"
    if kind == "type" and isinstance(item, Json):
        return "sa.Text()"
    return False


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
