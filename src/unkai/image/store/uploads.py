"""Statements about data on its way in and out: upload leases, locations, trash. The service's own business."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from unkai.image.model import BlobRef, StoredBlob
from unkai.image.store.tables import locations, trash, uploads
from unkai.kernel.clock import utcnow
from unkai.kernel.columns import db_now, seconds_from_now
from unkai.kernel.store import Tx, upsert


def insert_upload(tx: Tx, upload_id: str, image_id: str, store: str, process: str, lease: float) -> None:
    tx.execute(
        sa.insert(uploads).values(
            id=upload_id,
            image_id=image_id,
            store=store,
            process=process,
            lease_until=seconds_from_now(lease),
            created_at=utcnow(),
        )
    )


def renew_uploads(tx: Tx, process: str, lease: float) -> set[str]:
    """Renew all uploads of a process in one statement; returns those it still holds."""
    tx.execute(
        sa.update(uploads)
        .where(uploads.c.process == process, uploads.c.lease_until > db_now())
        .values(lease_until=seconds_from_now(lease))
    )
    return set(tx.scalars(sa.select(uploads.c.id).where(uploads.c.process == process)))


def delete_upload(tx: Tx, upload_id: str, *, only_expired: bool = False) -> bool:
    """Take the right away. False when somebody did before (or, `only_expired`, it was renewed meanwhile)."""
    statement = sa.delete(uploads).where(uploads.c.id == upload_id)
    if only_expired:
        statement = statement.where(uploads.c.lease_until <= db_now())
    return tx.count(statement) == 1


def expired_uploads(tx: Tx, limit: int = 100) -> list[BlobRef]:
    """Uploads whose process stopped renewing its lease, as what they have written so far."""
    query = sa.select(uploads).where(uploads.c.lease_until <= db_now()).order_by(uploads.c.lease_until).limit(limit)
    rows = tx.all(query)
    return [BlobRef(image_id=row["image_id"], store=row["store"], key=row["id"], size=0) for row in rows]


def set_location(tx: Tx, image_id: str, blob: StoredBlob) -> None:
    tx.execute(
        sa.insert(locations).values(
            image_id=image_id, store=blob.store, key=blob.key, size=blob.size, created_at=utcnow()
        )
    )


def is_registered(tx: Tx, store: str, key: str) -> bool:
    """Whether an image has this data."""
    query = sa.select(sa.literal(1)).where(locations.c.store == store, locations.c.key == key)
    return tx.scalar(query) is not None


def throw_away(tx: Tx, blobs: Iterable[BlobRef], now: datetime) -> None:
    """Let data go that no image points to; `empty_trash` forgets it once its file is removed."""
    for blob in blobs:
        values = {"store": blob.store, "key": blob.key, "image_id": blob.image_id, "created_at": now}
        upsert(tx, trash, values, ["store", "key"])


def blobs_in_trash(tx: Tx, limit: int = 100) -> list[BlobRef]:
    query = sa.select(trash).order_by(trash.c.created_at).limit(limit)
    return [BlobRef(image_id=row["image_id"], store=row["store"], key=row["key"], size=0) for row in tx.all(query)]


def empty_trash(tx: Tx, store: str, keys: Iterable[str]) -> None:
    tx.execute(sa.delete(trash).where(trash.c.store == store, trash.c.key.in_(list(keys))))


def known_blobs(tx: Tx, store: str, keys: Iterable[str]) -> set[str]:
    """Which of the keys an image, an upload or the trash knows.

    One statement, because it must see one moment: data that goes from an upload to an image in between two would be
    taken for nobody's.
    """
    wanted = list(keys)
    union = sa.union(
        sa.select(locations.c.key).where(locations.c.store == store, locations.c.key.in_(wanted)),
        sa.select(uploads.c.id).where(uploads.c.store == store, uploads.c.id.in_(wanted)),
        sa.select(trash.c.key).where(trash.c.store == store, trash.c.key.in_(wanted)),
    )
    return set(tx.scalars(union))
