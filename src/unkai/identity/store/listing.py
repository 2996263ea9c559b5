"""Filters, order and pages of lists, in SQL that means the same on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Filter, Listing
from unkai.kernel.paging import Page, order
from unkai.kernel.store import Tx

Columns = Mapping[str, sa.ColumnElement[Any]]
Row = Mapping[Any, Any]


def matches(column: sa.ColumnElement[Any], wanted: Filter) -> sa.ColumnElement[bool]:
    """One filter as a condition. LIKE ignores case on one database and not on the other: it is not used."""
    value = wanted.value
    if wanted.comparator == "equals" or not value:
        return column.is_(None) if value is None else column == value
    if not wanted.case_sensitive:
        column, value = sa.func.lower(column), value.lower()
    if wanted.comparator == "contains":
        return column != sa.func.replace(column, value, "")
    if wanted.comparator == "startswith":
        return sa.literal(value) == sa.func.substr(column, 1, len(value))
    return sa.literal(value) == sa.func.substr(column, sa.func.length(column) - (len(value) - 1))


def where(query: sa.Select[Any], listing: Listing, columns: Columns) -> sa.Select[Any]:
    """The listing's filters whose names are columns; others belong to the caller."""
    for wanted in listing.filters:
        if wanted.name in columns:
            query = query.where(matches(columns[wanted.name], wanted))
    return query


def page(
    tx: Tx, query: sa.Select[Any], listing: Listing, columns: Columns, id_column: sa.ColumnElement[Any]
) -> tuple[Sequence[sa.RowMapping], bool]:
    """The rows of one page, and whether there are more. An unknown marker starts from the beginning.

    One statement, two when there is a marker.
    """
    query = where(query, listing, columns)
    marker: Mapping[str, Any] | None = None
    if listing.marker is not None:
        found = tx.first(
            sa.select(*(c.label(n) for n, c in {**columns, "id": id_column}.items())).where(
                id_column == listing.marker
            )
        )
        marker = dict(found) if found is not None else None
    limit = None if listing.limit is None else listing.limit + 1
    rows = tx.all(order(query, columns, Page(limit=limit, sort=listing.sort), id_column, marker))
    if listing.limit is not None and len(rows) > listing.limit:
        return rows[: listing.limit], True
    return rows, False
