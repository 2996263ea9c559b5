"""Where images' data lies, for those who may know, and removal of one of several copies."""

from unkai.image import policy, store
from unkai.image.blobs import Stores
from unkai.image.errors import (
    ImageNotFound,
    LocationExists,
    LocationScheme,
    LocationService,
    NotActive,
    NotInStore,
    OnlyCopy,
    StoreUnavailable,
)
from unkai.image.model import BlobRef, Place
from unkai.kernel.clock import utcnow
from unkai.kernel.context import Context
from unkai.kernel.errors import ApiError
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


def list_locations(tx: Tx, kit: Kit, context: Context, image_id: str) -> list[Place]:
    """Raises ImageNotFound, Forbidden."""
    image = store.get_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    policy.authorize(kit.policy, context, "fetch_image_location", image)
    stores = kit.get(Stores)
    blobs = store.location_of(tx, Scope.system(), image_id)
    return [Place(blob.store, stores.get(blob.store).url(blob.key)) for blob in blobs]


def location_refusal(tx: Tx, kit: Kit, context: Context, image_id: str, url: str) -> ApiError:
    """Why this URL cannot become the image's data: upstream's order of reasons. Raises ImageNotFound, Forbidden."""
    image = store.get_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    if image.status != "queued":
        return LocationExists(status=image.status)
    policy.authorize(kit.policy, context, "add_image_location", image)
    if "service" not in context.roles:
        return LocationService()
    return LocationScheme(scheme=url.partition(":")[0][:32])


def delete_from_store(tx: Tx, kit: Kit, context: Context, store_id: str, image_id: str) -> list[BlobRef]:
    """Remove one copy of an image's data; it is in the trash then, and returned.

    Raises StoreUnavailable, ImageNotFound, Forbidden, NotActive, OnlyCopy, NotInStore.
    """
    if store_id not in kit.get(Stores).names():
        raise StoreUnavailable(store=store_id)
    image = store.lock_image(tx, policy.seen_by(context), image_id)
    if image is None:
        raise ImageNotFound(image_id=image_id)
    policy.authorize(kit.policy, context, "get_image_location", image)
    policy.authorize(kit.policy, context, "delete_image_location", image)
    if image.status != "active":
        raise NotActive(verb="remove image data from store")
    if len(image.stores) == 1:
        raise OnlyCopy
    removed = store.remove_location(tx, policy.owned_by(image), image_id, store_id)
    if removed is None:
        raise NotInStore(image_id=image_id, store=store_id)
    store.throw_away(tx, [removed], utcnow())
    return [removed]
