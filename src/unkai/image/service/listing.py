"""Lists of images: what the caller sees, one page at a time."""

import msgspec

from unkai.image import policy, store
from unkai.image.errors import InvalidFilter
from unkai.image.filters import ImageFilter
from unkai.image.model import Image
from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.paging import Page
from unkai.kernel.store import Tx


class ImagePage(msgspec.Struct, frozen=True):
    """`next_marker` is set when there may be more."""

    images: list[Image]
    next_marker: str | None


def list_images(tx: Tx, kit: Kit, context: Context, wanted: ImageFilter, page: Page) -> ImagePage:
    """Four statements, five with a marker. Raises Forbidden, InvalidFilter for a marker that names nothing."""
    kit.policy.authorize(context, "get_images")
    try:
        found = store.list_images(tx, policy.seen_by(context), wanted, page, context.project_id)
    except store.MarkerNotFound as error:
        raise InvalidFilter(reason=f"No image found with ID {str(error)[:255]}") from error
    shown = [image for image in found if policy.may(kit.policy, context, "get_image", image)]
    full = page.limit is not None and 0 < page.limit <= len(found)
    # A page that policy emptied still leads on; otherwise the marker is an image that the caller was shown.
    return ImagePage(shown, (shown or found)[-1].id if full else None)
