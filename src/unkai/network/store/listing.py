"""One way to list every resource: filters by any attribute, sorted, by pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.errors import ApiError
from unkai.kernel.paging import order
from unkai.kernel.store import Tx
from unkai.network.model import Listing
from unkai.network.store import tables as t

Columns = Mapping[str, sa.ColumnElement[Any]]
Condition = Callable[[Sequence[Any]], sa.ColumnElement[bool]]
Special = Mapping[str, Condition]


def rows(
    tx: Tx,
    query: sa.Select[Any],
    listing: Listing,
    columns: Columns,
    special: Special,
    missing: Callable[[str], ApiError],
) -> Sequence[sa.RowMapping]:
    """The rows of `query` that the listing asks for.

    `columns` are attributes by their API names, `special` turns the values of other filters into a condition.
    Raises what `missing` makes of a marker that is not in the list.
    """
    identity = columns["id"]
    marker: dict[str, Any] | None = None
    page = listing.page
    if page.marker is not None:
        names = [key.name for key in page.sort if key.name != "id"]
        found = tx.first(
            query.with_only_columns(identity.label("id"), *(columns[name].label(name) for name in names)).where(
                identity == page.marker
            )
        )
        if found is None:
            raise missing(page.marker)
        marker = dict(found)
    for name, values in listing.filters.items():
        if name == "changed_since":
            query = query.where(sa.and_(*(columns["updated_at"] >= value for value in values)))
            continue
        query = query.where(special[name](values) if name in special else among(columns[name], values))
    result = tx.all(order(query, columns, page, identity, marker))
    return list(reversed(result)) if page.reverse else result


def among(column: sa.ColumnElement[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Column is one of the values; None (and "" for a column that may be empty) finds NULL."""
    real = [value for value in values if value is not None]
    if len(real) == len(values):
        return column.in_(real)
    return sa.or_(column.is_(None), column.in_(real)) if real else column.is_(None)


def tag_filters(identity: sa.ColumnElement[Any]) -> dict[str, Condition]:
    """tags (all of them), tags-any (one of them) and their negations; values are lists separated by commas."""

    def carries(tag: str) -> sa.ColumnElement[bool]:
        return sa.exists().where(t.tags.c.resource_id == identity, t.tags.c.tag == tag)

    def words(values: Sequence[Any]) -> list[str]:
        return [word for value in values for word in str(value).split(",")]

    return {
        "tags": lambda values: sa.and_(*map(carries, words(values))),
        "tags-any": lambda values: sa.or_(*map(carries, words(values))),
        "not-tags": lambda values: sa.not_(sa.and_(*map(carries, words(values)))),
        "not-tags-any": lambda values: sa.not_(sa.or_(*map(carries, words(values)))),
    }


def standard(table: sa.Table) -> dict[str, sa.ColumnElement[Any]]:
    """The columns that every resource has, by their API names."""
    names = ("id", "project_id", "name", "description", "revision_number", "created_at", "updated_at")
    found: dict[str, sa.ColumnElement[Any]] = {name: table.c[name] for name in names if name in table.c}
    found["tenant_id"] = table.c.project_id
    return found


def grouped(pairs: Sequence[sa.RowMapping], key: str, value: str) -> dict[str, list[Any]]:
    """Rows of two columns as lists by the first."""
    found: dict[str, list[Any]] = {}
    for row in pairs:
        found.setdefault(row[key], []).append(row[value])
    return found
