"""Compares uploads, trash, database and stores, and puts right what differs. One function per kind of drift.

With `fix` a function also repairs what it finds; without, it only tells. Every file of a store is in a row from before
it is made until after it is removed (as upload, as an image's data, as trash), so what a crash leaves is found by rows
alone, at once. Only `orphan_blobs` and `missing_blobs` read the store itself: what they find was done by somebody
else, or the database is not the one this store belongs to. So they are never repaired unasked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

import msgspec

from unkai.image import store
from unkai.image.blobs import BlobMissing, Stores
from unkai.image.model import BlobRef
from unkai.image.service.sending import remove_blobs
from unkai.image.service.uploads import Uploads, expire_uploads, renew_uploads
from unkai.image.settings import ImageTasks
from unkai.kernel import log
from unkai.kernel.clock import monotonic, utcnow
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import StoreError

_log = log.get(__name__)
_STEP = 500


class Drift(msgspec.Struct, frozen=True):
    """One difference. `image_id` is empty for data that no image is known of."""

    kind: str
    image_id: str
    store: str
    key: str
    text: str


async def stale_uploads(kit: Kit, fix: bool) -> list[Drift]:
    """Images that are saving although their upload's process is gone: back to queued, half-written data removed."""
    found = await kit.db.read(store.expired_uploads)
    if found and fix:
        found = await kit.db.run(expire_uploads)
        await remove_blobs(kit, found)
    return [_drift("stale upload", blob, "its process stopped renewing the lease") for blob in found]


async def forgotten_trash(kit: Kit, fix: bool) -> list[Drift]:
    """Data of deleted images that is still in a store."""
    found = await kit.db.read(store.blobs_in_trash)
    if fix:
        await remove_blobs(kit, found)
    return [_drift("forgotten trash", blob, "the image is deleted, its data was not yet removed") for blob in found]


async def orphan_blobs(kit: Kit, fix: bool) -> list[Drift]:
    """Data in a store that no image, upload or trash knows."""
    found: list[BlobRef] = []
    stores = kit.get(Stores)
    for name in stores.names():
        keys = await stores.call(_some_keys, stores.get(name).keys())
        for step in keys:
            # The store is read first and the database after, so data that comes in meanwhile is never an orphan.
            known = await kit.db.read(store.known_blobs, name, step)
            found += [BlobRef(image_id="", store=name, key=key, size=0) for key in step if key not in known]
    if found and fix:
        await kit.db.run(store.throw_away, found, utcnow())
        await remove_blobs(kit, found)
    return [_drift("orphan data", blob, "no image knows it; made by hand, or of another database") for blob in found]


def _some_keys(keys: Iterator[str]) -> list[list[str]]:
    return list(iter(lambda: list(islice(keys, _STEP)), []))


async def missing_blobs(kit: Kit, fix: bool) -> list[Drift]:
    """Images whose data is gone from its store, or cut. Nothing brings it back: an operator restores or deletes."""
    found: list[Drift] = []
    after: BlobRef | None = None
    while step := await kit.db.read(store.all_locations, Scope.system(), after, _STEP):
        after = step[-1]
        suspects = await _suspects(kit, step)
        # Deleted while we looked: no drift.
        still = await kit.db.read(store.images_by_ids, Scope.system(), [blob.image_id for blob, _ in suspects])
        found += [_drift("missing data", blob, text) for blob, text in suspects if blob.image_id in still]
    return found


async def _suspects(kit: Kit, blobs: list[BlobRef]) -> list[tuple[BlobRef, str]]:
    stores = kit.get(Stores)

    def look() -> list[tuple[BlobRef, str]]:
        wrong = []
        for blob in blobs:
            try:
                size = stores.get(blob.store).size(blob.key)
            except BlobMissing:
                wrong.append((blob, "the store has no such data"))
            except (OSError, KeyError) as error:
                wrong.append((blob, f"the store does not answer: {error}"))
            else:
                if size != blob.size:
                    wrong.append((blob, f"the store has {size} of {blob.size} bytes"))
        return wrong

    return await stores.call(look)


def _drift(kind: str, blob: BlobRef, text: str) -> Drift:
    return Drift(kind, blob.image_id, blob.store, blob.key, text)


Check = Callable[[Kit, bool], Awaitable[list[Drift]]]
BY_ROWS: tuple[Check, ...] = (stale_uploads, forgotten_trash)
BY_STORE: tuple[Check, ...] = (orphan_blobs, missing_blobs)


async def check(kit: Kit, *, fix: bool = False) -> list[Drift]:
    """All kinds of drift, at once."""
    return [drift for look in (*BY_ROWS, *BY_STORE) for drift in await look(kit, fix)]


async def reconcile_forever(kit: Kit) -> None:
    """Repairs what crashes leave, often; compares stores with the database, seldom, and logs what differs."""
    options = kit.settings[ImageTasks]
    audited = -options.image_audit_interval
    while True:
        due = monotonic() - audited >= options.image_audit_interval
        try:
            for look in BY_ROWS:
                _tell(await look(kit, True), repaired=True)
            if due:
                audited = monotonic()
                for look in BY_STORE:
                    _tell(await look(kit, False), repaired=False)
        except (OSError, StoreError):
            _log.exception("images could not be reconciled")
        await asyncio.sleep(options.image_reconcile_interval)


async def keep_leases(kit: Kit) -> None:
    """Renews the leases of this process's uploads, one statement for all, and tells those that lost theirs."""
    uploads = kit.get(Uploads)
    interval = kit.settings[ImageTasks].image_upload_lease / 3
    while True:
        await asyncio.sleep(interval)
        mine = uploads.ids()
        if not mine:
            continue
        try:
            held = await kit.db.run(renew_uploads, kit)
        except StoreError:
            _log.exception("upload leases could not be renewed")
            continue
        uploads.lose(set(mine) - held)


def _tell(drifts: list[Drift], *, repaired: bool) -> None:
    for drift in drifts:
        _log.warning(
            "image drift",
            kind=drift.kind,
            image_id=drift.image_id,
            store=drift.store,
            key=drift.key,
            text=drift.text,
            repaired=repaired,
        )
