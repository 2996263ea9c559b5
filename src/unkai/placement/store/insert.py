"""Inserts that lose a race quietly: on PostgreSQL an error would end the whole transaction."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from unkai.kernel.store import Tx


def unless_taken(tx: Tx, table: sa.Table, values: dict[str, Any], returning: sa.Column[Any]) -> Any | None:
    """Insert a row and return one of its columns, or None when a key of it is taken."""
    if tx.dialect == "postgresql":
        return tx.scalar(postgresql.insert(table).values(**values).on_conflict_do_nothing().returning(returning))
    return tx.scalar(sqlite.insert(table).values(**values).on_conflict_do_nothing().returning(returning))
