"""Inserts and updates that may hit a unique key: the database decides, so that no race can slip by a check."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from unkai.kernel.store import Tx


class Taken(Exception):
    """Another row has the name or id already (or a row that was named went away)."""


def insert(tx: Tx, table: sa.Table, values: dict[str, Any]) -> None:
    """Raises Taken."""
    try:
        tx.execute(sa.insert(table).values(**values))
    except IntegrityError as error:
        raise Taken from error


def execute(tx: Tx, statement: sa.Update | sa.Delete) -> None:
    """Raises Taken."""
    try:
        tx.execute(statement)
    except IntegrityError as error:
        raise Taken from error
