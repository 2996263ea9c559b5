"""The list of images: filters, order and pages as SQL. A constant number of statements whatever is asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from unkai.image.filters import Condition, ImageFilter
from unkai.image.model import Image
from unkai.image.store.rows import assemble, visible
from unkai.image.store.tables import images, properties, tags
from unkai.kernel import paging
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx

_SORTABLE: Mapping[str, sa.ColumnElement[Any]] = {
    name: images.c[name]
    for name in ("name", "status", "container_format", "disk_format", "size", "created_at", "updated_at")
}


class MarkerNotFound(Exception):
    """The marker names no image that the scope sees."""


def list_images(
    tx: Tx, scope: Scope, wanted: ImageFilter, page: paging.Page, project_id: str | None
) -> Sequence[Image]:
    """One page. `project_id` is the caller's own project, whose community images are listed without being asked for.

    Raises MarkerNotFound.
    """
    query = sa.select(images).where(
        images.c.deleted_at.is_(None), images.c.status != "killed", images.c.os_hidden == wanted.os_hidden
    )
    query = query.where(visible(scope, wanted.member_status), _visibility(wanted.visibility, project_id))
    for condition in wanted.conditions:
        query = query.where(_compare(condition))
    for name, value in wanted.properties:
        query = query.where(
            sa.exists().where(
                properties.c.image_id == images.c.id, properties.c.name == name, properties.c.value == value
            )
        )
    for tag in wanted.tags:
        query = query.where(sa.exists().where(tags.c.image_id == images.c.id, tags.c.value == tag))
    marker = _marker(tx, scope, page.marker)
    return assemble(tx, tx.all(paging.order(query, _SORTABLE, page, images.c.id, marker)))


def _marker(tx: Tx, scope: Scope, marker: str | None) -> dict[str, Any] | None:
    if marker is None:
        return None
    row = tx.first(sa.select(images).where(images.c.id == marker, images.c.deleted_at.is_(None), visible(scope)))
    if row is None:
        raise MarkerNotFound(marker)
    return dict(row)


def _visibility(wanted: str | None, project_id: str | None) -> sa.ColumnElement[bool]:
    if wanted == "all":
        return sa.true()
    if wanted is not None:
        return images.c.visibility == wanted
    if project_id is None:
        return images.c.visibility != "community"
    return sa.or_(images.c.visibility != "community", images.c.owner == project_id)


def _compare(condition: Condition) -> sa.ColumnElement[bool]:
    column: sa.ColumnElement[Any] = images.c[condition.field]
    if isinstance(condition.value, datetime):
        return _compare_time(column, condition.op, condition.value)
    if isinstance(condition.value, tuple):
        return column.in_(condition.value)
    if condition.op == "gte":
        return column >= condition.value
    if condition.op == "lte":
        return column <= condition.value
    return column == condition.value


def _compare_time(column: sa.ColumnElement[Any], op: str, when: datetime) -> sa.ColumnElement[bool]:
    """Callers are shown whole seconds, so a time stands for the whole of its second."""
    begin = when.replace(microsecond=0)
    end = begin + timedelta(seconds=1)
    choices = {
        "eq": sa.and_(column >= begin, column < end),
        "neq": sa.or_(column < begin, column >= end),
        "gt": column >= end,
        "gte": column >= begin,
        "lt": column < begin,
        "lte": column < end,
    }
    return choices[op]
