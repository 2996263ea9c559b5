"""What other rooms and the API call. Plain functions over a transaction; those that move data are asynchronous."""

from unkai.image.model import BlobRef, Draft, Image, Member, StoredBlob, Upload
from unkai.image.service.images import (
    add_tag,
    create_image,
    data_location,
    deactivate_image,
    delete_image,
    get_image,
    images_by_ids,
    purge_deleted,
    reactivate_image,
    remove_tag,
    show_image,
    update_image,
)
from unkai.image.service.listing import ImagePage, list_images
from unkai.image.service.locations import delete_from_store, list_locations, location_refusal
from unkai.image.service.members import add_member, answer_member, get_member, list_members, remove_member
from unkai.image.service.receiving import store_data
from unkai.image.service.sending import BlobStream, find_data, open_blob, read_blob, remove_blobs
from unkai.image.service.uploads import (
    Uploads,
    abandon_upload,
    begin_upload,
    expire_uploads,
    register_blob,
    renew_uploads,
)

__all__ = [
    "BlobRef",
    "BlobStream",
    "Draft",
    "Image",
    "ImagePage",
    "Member",
    "StoredBlob",
    "Upload",
    "Uploads",
    "abandon_upload",
    "add_member",
    "add_tag",
    "answer_member",
    "begin_upload",
    "create_image",
    "data_location",
    "deactivate_image",
    "delete_from_store",
    "delete_image",
    "expire_uploads",
    "find_data",
    "get_image",
    "get_member",
    "images_by_ids",
    "list_images",
    "list_locations",
    "list_members",
    "location_refusal",
    "open_blob",
    "purge_deleted",
    "reactivate_image",
    "read_blob",
    "register_blob",
    "remove_blobs",
    "remove_member",
    "remove_tag",
    "renew_uploads",
    "show_image",
    "store_data",
    "update_image",
]
