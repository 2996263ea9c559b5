"""Statements about images themselves: rows, properties, tags and where the data lies."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from unkai.image.model import BlobRef, Image
from unkai.image.store.rows import assemble, owned, unstorable, visible
from unkai.image.store.tables import images, locations, members, properties, tags, uploads
from unkai.image.store.uploads import throw_away
from unkai.kernel.clock import utcnow
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx, lock_row

_ROW = (
    "name",
    "status",
    "visibility",
    "owner",
    "protected",
    "os_hidden",
    "min_disk",
    "min_ram",
    "disk_format",
    "container_format",
    "size",
    "virtual_size",
    "checksum",
    "os_hash_algo",
    "os_hash_value",
    "updated_at",
)


def get_image(tx: Tx, scope: Scope, image_id: str) -> Image | None:
    row = None if unstorable(image_id) else tx.first(_one(scope, image_id))
    return None if row is None else assemble(tx, [row])[0]


def lock_image(tx: Tx, scope: Scope, image_id: str) -> Image | None:
    """The image, held against other writers until the commit."""
    row = None if unstorable(image_id) else lock_row(tx, _one(scope, image_id))
    return None if row is None else assemble(tx, [row])[0]


def _one(scope: Scope, image_id: str) -> sa.Select[Any]:
    return sa.select(images).where(images.c.id == image_id, images.c.deleted_at.is_(None), visible(scope))


def image_exists(tx: Tx, scope: Scope, image_id: str) -> bool:
    """Whether the id was ever given out, deleted images included. Needs the whole system's scope."""
    return bool(tx.scalar(sa.select(sa.literal(1)).where(images.c.id == image_id, visible(scope))))


def images_by_ids(tx: Tx, scope: Scope, ids: Iterable[str], *, deleted: bool = False) -> dict[str, Image]:
    """Images by id; with `deleted`, tombstones too."""
    query = sa.select(images).where(images.c.id.in_(list(ids)), visible(scope))
    if not deleted:
        query = query.where(images.c.deleted_at.is_(None))
    return {image.id: image for image in assemble(tx, tx.all(query))}


def insert_image(tx: Tx, image: Image) -> None:
    row = {name: getattr(image, name) for name in _ROW}
    tx.execute(sa.insert(images).values(id=image.id, created_at=image.created_at, deleted_at=None, **row))
    _write_properties(tx, image.id, image.properties)
    _write_tags(tx, image.id, image.tags)


def update_image(tx: Tx, scope: Scope, before: Image, after: Image) -> bool:
    """Write what differs. False when the scope does not own the image."""
    row = {name: getattr(after, name) for name in _ROW}
    touched = tx.count(sa.update(images).where(images.c.id == before.id, owned(scope)).values(**row))
    if touched != 1:
        return False
    gone = [name for name in before.properties if after.properties.get(name) != before.properties[name]]
    new = {name: text for name, text in after.properties.items() if before.properties.get(name) != text}
    if gone:
        tx.execute(sa.delete(properties).where(properties.c.image_id == before.id, properties.c.name.in_(gone)))
    _write_properties(tx, before.id, new)
    dropped = sorted(set(before.tags) - set(after.tags))
    if dropped:
        tx.execute(sa.delete(tags).where(tags.c.image_id == before.id, tags.c.value.in_(dropped)))
    _write_tags(tx, before.id, sorted(set(after.tags) - set(before.tags)))
    return True


def delete_image(tx: Tx, scope: Scope, image_id: str, now: datetime) -> list[BlobRef]:
    """Make it a tombstone. Its data, and what an upload has written so far, goes to the trash and is returned; the
    upload loses its right."""
    values = {"status": "deleted", "deleted_at": now, "updated_at": now}
    if tx.count(sa.update(images).where(images.c.id == image_id, owned(scope)).values(**values)) != 1:
        return []
    blobs = [_blob(row) for row in tx.all(sa.select(locations).where(locations.c.image_id == image_id))]
    running = tx.all(sa.select(uploads.c.id, uploads.c.store).where(uploads.c.image_id == image_id))
    blobs += [BlobRef(image_id=image_id, store=row["store"], key=row["id"], size=0) for row in running]
    throw_away(tx, blobs, now)
    tx.execute(sa.delete(locations).where(locations.c.image_id == image_id))
    tx.execute(sa.delete(uploads).where(uploads.c.image_id == image_id))
    return blobs


def add_tag(tx: Tx, scope: Scope, image_id: str, tag: str) -> None:
    if _touch(tx, scope, image_id):
        _write_tags(tx, image_id, [tag])


def remove_tag(tx: Tx, scope: Scope, image_id: str, tag: str) -> None:
    if _touch(tx, scope, image_id):
        tx.execute(sa.delete(tags).where(tags.c.image_id == image_id, tags.c.value == tag))


def location_of(tx: Tx, scope: Scope, image_id: str) -> list[BlobRef]:
    """Where the image's data lies, one per store, in order of the stores' names."""
    query = sa.select(locations).join(images, images.c.id == locations.c.image_id)
    query = query.where(images.c.id == image_id, images.c.deleted_at.is_(None), visible(scope))
    return [_blob(row) for row in tx.all(query.order_by(locations.c.store))]


def remove_location(tx: Tx, scope: Scope, image_id: str, store: str) -> BlobRef | None:
    """Forget that a store has the image's data; returns what is to be thrown away."""
    query = sa.select(locations).join(images, images.c.id == locations.c.image_id)
    row = tx.first(query.where(locations.c.image_id == image_id, locations.c.store == store, owned(scope)))
    if row is None:
        return None
    tx.execute(sa.delete(locations).where(locations.c.image_id == image_id, locations.c.store == store))
    return _blob(row)


def all_locations(tx: Tx, scope: Scope, after: BlobRef | None, limit: int) -> list[BlobRef]:
    """Data of all images the scope sees, in a fixed order, from beyond `after`: for audits in steps."""
    query = sa.select(locations).join(images, images.c.id == locations.c.image_id).where(visible(scope))
    if after is not None:
        same_image = sa.and_(locations.c.image_id == after.image_id, locations.c.store > after.store)
        query = query.where(sa.or_(locations.c.image_id > after.image_id, same_image))
    return [_blob(row) for row in tx.all(query.order_by(locations.c.image_id, locations.c.store).limit(limit))]


def stored_bytes(tx: Tx, scope: Scope, *, besides: str) -> int:
    """Bytes of the data that images of the scope's project hold, the image `besides` not counted."""
    query = sa.select(sa.func.coalesce(sa.func.sum(locations.c.size), 0))
    query = query.join(images, images.c.id == locations.c.image_id)
    return int(tx.scalar(query.where(images.c.id != besides, images.c.deleted_at.is_(None), owned(scope))))


def purge(tx: Tx, scope: Scope, before: datetime, limit: int) -> int:
    """Forget tombstones older than `before`. Returns how many images went."""
    query = sa.select(images.c.id).where(images.c.deleted_at < before, owned(scope)).limit(limit)
    ids: Sequence[str] = tx.scalars(query)
    if ids:
        for table in (properties, tags, members):
            tx.execute(sa.delete(table).where(table.c.image_id.in_(ids)))
        tx.execute(sa.delete(images).where(images.c.id.in_(ids)))
    return len(ids)


def _touch(tx: Tx, scope: Scope, image_id: str) -> bool:
    statement = sa.update(images).where(images.c.id == image_id, owned(scope)).values(updated_at=utcnow())
    return tx.count(statement) == 1


def _blob(row: sa.RowMapping) -> BlobRef:
    return BlobRef(image_id=row["image_id"], store=row["store"], key=row["key"], size=row["size"])


def _write_properties(tx: Tx, image_id: str, texts: Mapping[str, str]) -> None:
    if texts:
        tx.execute(
            sa.insert(properties),
            [{"image_id": image_id, "name": name, "value": text} for name, text in texts.items()],
        )


def _write_tags(tx: Tx, image_id: str, values: Iterable[str]) -> None:
    rows = [{"image_id": image_id, "value": value} for value in values]
    if rows:
        tx.execute(sa.insert(tags), rows)
