"""Image data on its way in, in constant memory, with nothing blocking on the event loop.

Parts are gathered to batches of 1 MiB; while one batch is inspected, hashed and written on a thread, the next is
gathered. Whatever goes wrong, and even when the request is cancelled, nothing is left of what was sent.
"""

import asyncio
import errno
import hashlib
import threading
from collections.abc import AsyncIterator

from unkai.image.blobs import BlobStore, BlobWriter, Stores
from unkai.image.errors import (
    ImageTooLarge,
    QuotaFull,
    SizeMismatch,
    StorageDenied,
    StorageFull,
    UploadLost,
)
from unkai.image.inspection import Inspection
from unkai.image.model import Image, StoredBlob, Upload
from unkai.image.service.sending import remove_blobs
from unkai.image.service.uploads import Uploads, abandon_upload, begin_upload, register_blob
from unkai.image.settings import ImageFormat, ImageOptions
from unkai.kernel import log
from unkai.kernel.context import Context
from unkai.kernel.errors import ClientGone
from unkai.kernel.kit import Kit
from unkai.kernel.store import StoreError

_BATCH = 1 << 20
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_log = log.get(__name__)


async def store_data(
    kit: Kit,
    context: Context,
    image_id: str,
    chunks: AsyncIterator[bytes],
    *,
    size: int | None = None,
    store_name: str | None = None,
) -> Image:
    """Write an image's data and make the image active. After any failure it is queued again and no data is left.

    `size` is the announced number of bytes, if any. Raises what `begin_upload` and `register_blob` raise, and
    InvalidData, ImageTooLarge, QuotaFull, SizeMismatch, StorageFull, StorageDenied, ClientGone.
    """
    upload = await kit.db.run(begin_upload, kit, context, image_id, size, store_name)
    lost = kit.get(Uploads).begin(upload.id)
    intake = _Intake(kit, upload)
    try:
        blob = await _receive(kit, intake, chunks, size, lost)
        return await kit.db.run(register_blob, kit, upload, blob)
    except BaseException as error:
        # Not awaited directly: a cancelled request must still leave nothing behind.
        await asyncio.shield(asyncio.create_task(_undo(kit, intake)))
        if isinstance(error, OSError):
            raise _refusal(error, upload) from error
        raise
    finally:
        kit.get(Uploads).end(upload.id)


async def _undo(kit: Kit, intake: "_Intake") -> None:
    call = kit.get(Stores).call
    try:
        blob = await kit.db.run(abandon_upload, intake.upload)
        if blob is not None:
            await call(intake.discard)
            await remove_blobs(kit, [blob])
    except (OSError, StoreError):
        # The lease runs out, or the data is in the trash: the reconciler does the rest.
        _log.exception("upload could not be undone", image_id=intake.upload.image_id, upload_id=intake.upload.id)
    finally:
        await call(intake.close)


async def _receive(
    kit: Kit, intake: "_Intake", chunks: AsyncIterator[bytes], size: int | None, lost: asyncio.Event
) -> StoredBlob:
    await kit.get(Stores).call(intake.open, size or 0)
    total, waiting = 0, 0
    parts: list[bytes] = []
    writing: asyncio.Future[None] | None = None
    try:
        async for part in _patiently(chunks, kit.settings[ImageOptions].client_socket_timeout):
            total += len(part)
            waiting += len(part)
            _check_total(intake.upload, total)
            parts.append(part)
            if waiting >= _BATCH:
                if writing is not None:
                    await writing
                if lost.is_set():
                    raise UploadLost(image_id=intake.upload.image_id)
                writing = kit.get(Stores).call(intake.take, parts)
                parts, waiting = [], 0
        if writing is not None:
            await writing
    finally:
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)
    if size is not None and total != size:
        raise SizeMismatch(expected=size, got=total)
    return await kit.get(Stores).call(intake.finish, parts)


def _check_total(upload: Upload, total: int) -> None:
    if total > upload.limit:
        raise ImageTooLarge(limit=upload.limit)
    if upload.quota_left is not None and total > upload.quota_left:
        raise QuotaFull(size=total, remaining=upload.quota_left)


async def _patiently(chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    """A client that sends nothing for so long has gone, whatever its connection says."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ClientGone from None
        yield part


def _refusal(error: OSError, upload: Upload) -> Exception:
    if error.errno in _FULL:
        return StorageFull()
    if error.errno in _DENIED:
        return StorageDenied()
    if error.errno == errno.ENOENT:
        # The half-written file was removed under us: the upload had lost its right.
        return UploadLost(image_id=upload.image_id)
    return error


class _Intake:
    """What happens to the batches of one upload, on a thread. One call at a time: `discard` waits for a `take`."""

    def __init__(self, kit: Kit, upload: Upload) -> None:
        self.upload = upload
        self._store: BlobStore = kit.get(Stores).get(upload.store)
        self._inspection = Inspection(upload.disk_format, upload.container_format, kit.settings[ImageFormat])
        self._algorithm = kit.settings[ImageOptions].hashing_algorithm
        # md5 is a checksum that clients compare, not a protection.
        self._checksum = hashlib.md5(usedforsecurity=False)
        self._hash = hashlib.new(self._algorithm)
        self._size = 0
        self._lock = threading.Lock()
        self._writer: BlobWriter | None = None
        self._over = False

    def open(self, announced: int) -> None:
        if announced > self._store.room():
            raise OSError(errno.ENOSPC, "the announced size is larger than what is free")
        with self._lock:
            if not self._over:
                self._writer = self._store.open_writer(self.upload.id)

    def take(self, parts: list[bytes]) -> None:
        with self._lock:
            if self._over or self._writer is None:
                return
            data = b"".join(parts)
            self._inspection.feed(data)
            self._checksum.update(data)
            self._hash.update(data)
            self._writer.write(data)
            self._size += len(data)

    def finish(self, parts: list[bytes]) -> StoredBlob:
        self.take(parts)
        virtual_size = self._inspection.verdict()
        with self._lock:
            if self._over or self._writer is None:
                raise UploadLost(image_id=self.upload.image_id)
            self._writer.publish()
        return StoredBlob(
            store=self.upload.store,
            key=self.upload.id,
            size=self._size,
            checksum=self._checksum.hexdigest(),
            os_hash_algo=self._algorithm,
            os_hash_value=self._hash.hexdigest(),
            virtual_size=virtual_size,
        )

    def discard(self) -> None:
        """The end of an upload that failed: nothing of it is left."""
        with self._lock:
            self._over = True
            if self._writer is not None:
                self._writer.discard()

    def close(self) -> None:
        """Whatever still comes in goes nowhere."""
        with self._lock:
            self._over = True
            if self._writer is not None:
                self._writer.close()
