"""The right to write an image's data: taken, kept, used up, lost. What the data itself does is in `receiving.py`.

While data comes in, the image is `saving` and a row holds a lease, which the process renews for all its uploads at
once (`Uploads`). The row's id names the data's file. Registering the data removes the row in the same transaction;
whoever finds an expired lease removes it too. So an upload whose process froze, and wakes when its image has been
deleted or given back, registers nothing.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from unkai.image import policy, store
from unkai.image.blobs import Stores
from unkai.image.errors import (
    FormatsMissing,
    ImageNotFound,
    ImageTooLarge,
    QuotaFull,
    UnknownStore,
    UploadLost,
    WrongStatus,
)
from unkai.image.model import BlobRef, Image, StoredBlob, Upload, may_become
from unkai.image.settings import ImageOptions, ImageTasks, storage_quota
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


class Uploads:
    """The uploads that this process holds now. `lost` events tell one that its row is gone."""

    def __init__(self) -> None:
        self.process = new_uuid()
        self._lost: dict[str, asyncio.Event] = {}

    def begin(self, upload_id: str) -> asyncio.Event:
        return self._lost.setdefault(upload_id, asyncio.Event())

    def end(self, upload_id: str) -> None:
        self._lost.pop(upload_id, None)

    def ids(self) -> list[str]:
        return list(self._lost)

    def lose(self, upload_ids: Iterable[str]) -> None:
        for upload_id in upload_ids:
            if upload_id in self._lost:
                self._lost[upload_id].set()


def begin_upload(
    tx: Tx, kit: Kit, context: Context, image_id: str, size: int | None, store_name: str | None
) -> Upload:
    """Take the right to write the image's data; the image is saving from now on.

    `size` is what the caller announced. Raises ImageNotFound, Forbidden, WrongStatus, FormatsMissing, UnknownStore,
    ImageTooLarge, QuotaFull.
    """
    stores = kit.get(Stores)
    name = store_name or stores.default
    image = store.lock_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    policy.authorize(kit.policy, context, "upload_image", image)
    if name not in stores.names():
        raise UnknownStore(store=name)
    if not may_become(image.status, "saving"):
        raise WrongStatus(status=image.status, target="saving")
    if not image.disk_format or not image.container_format:
        missing = [key for key in ("disk_format", "container_format") if not getattr(image, key)]
        raise FormatsMissing(names=f"{'Properties' if len(missing) > 1 else 'Property'} {', '.join(missing)}")
    limit = kit.settings[ImageOptions].image_size_cap
    if size is not None and size > limit:
        raise ImageTooLarge(limit=limit)
    left = _quota_left(tx, kit, image)
    if left is not None and (left <= 0 or (size is not None and size > left)):
        raise QuotaFull(size="" if size is None else size, remaining=left)
    upload = Upload(
        id=new_uuid(),
        image_id=image_id,
        store=name,
        disk_format=image.disk_format,
        container_format=image.container_format,
        limit=limit,
        quota_left=left,
    )
    lease = kit.settings[ImageTasks].image_upload_lease
    store.insert_upload(tx, upload.id, image_id, name, kit.get(Uploads).process, lease)
    _set_status(tx, image, "saving")
    return upload


def register_blob(tx: Tx, kit: Kit, upload: Upload, blob: StoredBlob) -> Image:
    """Data has been stored whole: the image becomes active, with its size and hashes.

    Raises UploadLost when the right is gone (the image was deleted, or the lease ran out), QuotaFull when other
    uploads of the project were quicker.
    """
    image = store.lock_image(tx, Scope.system(), upload.image_id)
    if image is None or not store.delete_upload(tx, upload.id):
        raise UploadLost(image_id=upload.image_id)
    if image.owner is not None:
        kit.quota.lock(tx, image.owner)
    left = _quota_left(tx, kit, image)
    if left is not None and blob.size > left:
        raise QuotaFull(size=blob.size, remaining=left)
    store.set_location(tx, image.id, blob)
    after = msgspec.structs.replace(
        image,
        status="active",
        size=blob.size,
        virtual_size=blob.virtual_size,
        checksum=blob.checksum,
        os_hash_algo=blob.os_hash_algo,
        os_hash_value=blob.os_hash_value,
        updated_at=utcnow(),
        stores=(*image.stores, blob.store),
    )
    store.update_image(tx, policy.owned_by(image), image, after)
    return after


def abandon_upload(tx: Tx, upload: Upload) -> BlobRef | None:
    """Give the right back: the image is queued again, as if nothing had been sent. Returns the data, which is in the
    trash now.

    None, and nothing is done, when the data was registered after all: a commit can succeed although its caller was
    cancelled or lost the connection, and then the data must stay.
    """
    _release(tx, upload.id, upload.image_id, only_expired=False)
    if store.is_registered(tx, upload.store, upload.id):
        return None
    blob = BlobRef(image_id=upload.image_id, store=upload.store, key=upload.id, size=0)
    store.throw_away(tx, [blob], utcnow())
    return blob


def expire_uploads(tx: Tx) -> list[BlobRef]:
    """Take the right from processes that stopped renewing it. What they wrote goes to the trash and is returned."""
    expired = store.expired_uploads(tx)
    blobs = [blob for blob in expired if _release(tx, blob.key, blob.image_id, only_expired=True)]
    store.throw_away(tx, blobs, utcnow())
    return blobs


def _release(tx: Tx, upload_id: str, image_id: str, *, only_expired: bool) -> bool:
    image = store.lock_image(tx, Scope.system(), image_id)
    if not store.delete_upload(tx, upload_id, only_expired=only_expired):
        return False
    if image is not None and image.status == "saving":
        _set_status(tx, image, "queued")
    return True


def renew_uploads(tx: Tx, kit: Kit) -> set[str]:
    """Renew the leases of this process; returns the uploads it still holds."""
    return store.renew_uploads(tx, kit.get(Uploads).process, kit.settings[ImageTasks].image_upload_lease)


def _quota_left(tx: Tx, kit: Kit, image: Image) -> int | None:
    quota = storage_quota(kit.settings)
    if quota == 0 or image.owner is None:
        return None
    return quota - store.stored_bytes(tx, Scope.project(image.owner), besides=image.id)


def _set_status(tx: Tx, image: Image, status: str) -> None:
    after = msgspec.structs.replace(image, status=status, updated_at=utcnow())
    store.update_image(tx, policy.owned_by(image), image, after)
