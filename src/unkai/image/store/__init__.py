"""Every table and SQL statement of the image room.

Verbs that show or change images take a `Scope`: reads see what it may see, writes touch what it owns. Uploads and
trash belong to the service itself: their verbs are for its own processes and take none.
"""

from unkai.image.store.images import (
    add_tag,
    all_locations,
    delete_image,
    get_image,
    image_exists,
    images_by_ids,
    insert_image,
    location_of,
    lock_image,
    purge,
    remove_location,
    remove_tag,
    stored_bytes,
    update_image,
)
from unkai.image.store.listing import MarkerNotFound, list_images
from unkai.image.store.members import count_members, delete_member, get_member, insert_member, list_members, set_member
from unkai.image.store.uploads import (
    blobs_in_trash,
    delete_upload,
    empty_trash,
    expired_uploads,
    insert_upload,
    is_registered,
    known_blobs,
    renew_uploads,
    set_location,
    throw_away,
)

__all__ = [
    "MarkerNotFound",
    "add_tag",
    "all_locations",
    "blobs_in_trash",
    "count_members",
    "delete_image",
    "delete_member",
    "delete_upload",
    "empty_trash",
    "expired_uploads",
    "get_image",
    "get_member",
    "image_exists",
    "images_by_ids",
    "insert_image",
    "insert_member",
    "insert_upload",
    "is_registered",
    "known_blobs",
    "list_images",
    "list_members",
    "location_of",
    "lock_image",
    "purge",
    "remove_location",
    "remove_tag",
    "renew_uploads",
    "set_location",
    "set_member",
    "stored_bytes",
    "throw_away",
    "update_image",
]
