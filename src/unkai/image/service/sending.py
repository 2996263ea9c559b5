"""Image data on its way out, and away: one batch is read ahead on a thread while another is sent."""

import asyncio
import errno
from collections.abc import AsyncIterator

from unkai.image import policy, store
from unkai.image.blobs import BlobMissing, BlobReader, Stores
from unkai.image.errors import DataLost, Deactivated, ImageNotFound
from unkai.image.model import BlobRef, Image
from unkai.image.service.images import data_location
from unkai.kernel import log
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import StoreError, Tx

_BATCH = 1 << 20
_log = log.get(__name__)


def find_data(tx: Tx, kit: Kit, context: Context, image_id: str) -> tuple[Image, BlobRef | None]:
    """An image and where its data lies (None: it has none yet), for a caller who may download it.

    Raises ImageNotFound, Deactivated, Forbidden.
    """
    image = store.get_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    if image.status == "deactivated" and not context.is_admin:
        policy.authorize(kit.policy, context, "get_image", image)
        raise Deactivated
    policy.authorize(kit.policy, context, "download_image", image)
    places = store.location_of(tx, Scope.system(), image_id)
    return image, places[0] if places else None


class BlobStream:
    """Parts of stored data, at most 1 MiB each. Close it when it is not read to its end."""

    def __init__(self, kit: Kit, reader: BlobReader, length: int) -> None:
        self._kit = kit
        self._reader: BlobReader | None = reader
        self._left = length
        self._ahead: asyncio.Future[bytes] | None = None

    def __aiter__(self) -> "BlobStream":
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0 or self._reader is None:
            await self.close()
            raise StopAsyncIteration
        data = await (self._ahead or self._read())
        if not data:
            raise OSError(errno.EIO, "stored data is shorter than it was")
        self._left -= len(data)
        self._ahead = self._read() if self._left else None
        return data

    def _read(self) -> asyncio.Future[bytes]:
        assert self._reader is not None
        return self._kit.get(Stores).call(self._reader.read, min(_BATCH, self._left))

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None:
            return
        if self._ahead is not None:
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._kit.get(Stores).call(reader.close)


async def open_blob(kit: Kit, blob: BlobRef, offset: int = 0, length: int | None = None) -> BlobStream:
    """The data from `offset` on. It stays readable when the image is deleted meanwhile. Raises DataLost."""
    stores = kit.get(Stores)
    try:
        reader = await stores.call(stores.get(blob.store).open_reader, blob.key, offset)
    except (BlobMissing, KeyError) as error:
        raise DataLost(image_id=blob.image_id, store=blob.store) from error
    return BlobStream(kit, reader, max(0, blob.size - offset) if length is None else length)


async def read_blob(kit: Kit, image_id: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
    """An active image's stored bytes, for hosts and other rooms: nobody's right is checked here.

    Raises ImageNotFound, HasNoData, DataLost at the first part.
    """
    blob = await kit.db.read(data_location, image_id)
    stream = await open_blob(kit, blob, offset, length)
    try:
        async for part in stream:
            yield part
    finally:
        await stream.close()


async def remove_blobs(kit: Kit, blobs: list[BlobRef]) -> None:
    """Remove data that is in the trash. What cannot be removed now stays there for the reconciler."""
    stores = kit.get(Stores)
    for blob in blobs:
        try:
            await stores.call(stores.get(blob.store).remove, blob.key)
            await kit.db.run(store.empty_trash, blob.store, [blob.key])
        except (OSError, KeyError, StoreError):
            _log.exception("image data stays in the trash", image_id=blob.image_id, store=blob.store, key=blob.key)
