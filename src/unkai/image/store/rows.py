"""From rows to the room's types, and which rows a scope sees."""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from unkai.image.model import Image
from unkai.image.store.tables import images, locations, members, properties, tags
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


def visible(scope: Scope, member_status: str | None = None) -> sa.ColumnElement[bool]:
    """Images a scope may see: the public's and the community's, its project's own, those shared with it.

    `member_status` limits the shared ones to those that the project has answered so.
    """
    if scope.kind == "system":
        return sa.true()
    choices: list[sa.ColumnElement[bool]] = [images.c.visibility.in_(("public", "community"))]
    if scope.kind == "project":
        membership = sa.exists().where(members.c.image_id == images.c.id, members.c.member == scope.id)
        if member_status is not None:
            membership = membership.where(members.c.status == member_status)
        choices.append(images.c.owner == scope.id)
        choices.append(sa.and_(images.c.visibility == "shared", membership))
    return sa.or_(*choices)


def unstorable(name: str) -> bool:
    """Whether no row can be called so: PostgreSQL refuses to even look for a NUL, which a path may carry."""
    return "\0" in name


def owned(scope: Scope) -> sa.ColumnElement[bool]:
    """Images a scope may change: its project's own."""
    if scope.kind == "system":
        return sa.true()
    return images.c.owner == scope.id if scope.kind == "project" else sa.false()


def assemble(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Image]:
    """Images with their properties, tags and stores: three statements, however many rows."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    texts: dict[str, dict[str, str]] = {}
    for row in tx.all(sa.select(properties).where(properties.c.image_id.in_(ids)).order_by(properties.c.name)):
        texts.setdefault(row["image_id"], {})[row["name"]] = row["value"]
    labels = _by_image(tx.all(sa.select(tags).where(tags.c.image_id.in_(ids)).order_by(tags.c.value)), "value")
    query = sa.select(locations.c.image_id, locations.c.store).where(locations.c.image_id.in_(ids))
    places = _by_image(tx.all(query.order_by(locations.c.store)), "store")
    return [_image(row, texts.get(row["id"], {}), labels, places) for row in rows]


def _by_image(rows: Iterable[sa.RowMapping], column: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["image_id"], []).append(row[column])
    return {image_id: tuple(values) for image_id, values in found.items()}


def _image(
    row: sa.RowMapping,
    texts: dict[str, str],
    labels: Mapping[str, tuple[str, ...]],
    places: Mapping[str, tuple[str, ...]],
) -> Image:
    image_id = row["id"]
    return Image(
        id=image_id,
        name=row["name"],
        status=row["status"],
        visibility=row["visibility"],
        owner=row["owner"],
        protected=row["protected"],
        os_hidden=row["os_hidden"],
        min_disk=row["min_disk"],
        min_ram=row["min_ram"],
        disk_format=row["disk_format"],
        container_format=row["container_format"],
        size=row["size"],
        virtual_size=row["virtual_size"],
        checksum=row["checksum"],
        os_hash_algo=row["os_hash_algo"],
        os_hash_value=row["os_hash_value"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        properties=texts,
        tags=labels.get(image_id, ()),
        stores=places.get(image_id, ()),
    )
