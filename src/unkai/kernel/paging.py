"""Lists by marker: (sort keys, id) decide the order, so pages neither skip nor repeat when rows come and go."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

Direction = Literal["asc", "desc"]


class SortKey(msgspec.Struct, frozen=True):
    name: str
    direction: Direction = "asc"


class Page(msgspec.Struct, frozen=True):
    """What part of a list is wanted. `marker` is the id of the last row of the page before."""

    limit: int | None = None
    marker: str | None = None
    sort: tuple[SortKey, ...] = ()
    reverse: bool = False


def order(
    query: sa.Select[Any],
    columns: Mapping[str, sa.ColumnElement[Any]],
    page: Page,
    id_column: sa.ColumnElement[Any],
    marker_row: Mapping[str, Any] | None = None,
) -> sa.Select[Any]:
    """Add WHERE (after the marker), ORDER BY and LIMIT.

    `columns` are the sortable columns by their API names; `marker_row` is the row of `page.marker` with the same
    names plus "id". NULLs sort first ascending and last descending on both databases.
    """
    keys = [*page.sort, SortKey("id", page.sort[-1].direction if page.sort else "asc")]
    by_name = {**columns, "id": id_column}
    pairs: list[tuple[sa.ColumnElement[Any], Direction, Any]] = []
    for key in keys:
        direction: Direction = key.direction
        if page.reverse:
            direction = "desc" if direction == "asc" else "asc"
        pairs.append((by_name[key.name], direction, marker_row[key.name] if marker_row else None))
    if marker_row is not None:
        query = query.where(_after(pairs))
    for column, direction, _ in pairs:
        query = query.order_by(column.asc().nulls_first() if direction == "asc" else column.desc().nulls_last())
    return query if page.limit is None else query.limit(page.limit)


def _after(pairs: Sequence[tuple[sa.ColumnElement[Any], Direction, Any]]) -> sa.ColumnElement[bool]:
    """(a, b, c) beyond the marker, written out because directions may differ and values may be NULL."""
    choices: list[sa.ColumnElement[bool]] = []
    for index, (column, direction, value) in enumerate(pairs):
        same = [_equal(c, v) for c, _, v in pairs[:index]]
        if direction == "asc":
            beyond = column.is_not(None) if value is None else column > value
        elif value is None:
            continue
        else:
            beyond = sa.or_(column < value, column.is_(None))
        choices.append(sa.and_(*same, beyond))
    return sa.or_(*choices) if choices else sa.false()


def _equal(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    return column.is_(None) if value is None else column == value
