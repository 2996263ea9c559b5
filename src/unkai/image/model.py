"""What an image is, the states it goes through, and what crosses to other rooms. Plain, frozen data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

Visibility = Literal["public", "community", "shared", "private"]
MemberStatus = Literal["pending", "accepted", "rejected"]

# From a status to those it may become (upstream's life of an image). `killed` and `pending_delete` are only ever met
# in databases that were taken over; `uploading` and `importing` belong to the interoperable import.
TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "queued": ("saving", "uploading", "importing", "active", "deleted"),
    "saving": ("active", "queued", "killed", "deleted"),
    "uploading": ("importing", "queued", "deleted"),
    "importing": ("active", "queued", "deleted"),
    "active": ("deactivated", "pending_delete", "deleted"),
    "deactivated": ("active", "deleted"),
    "killed": ("deleted",),
    "pending_delete": ("active", "deleted"),
    "deleted": (),
}

# Attributes that are no extra properties, by what a caller may do with them (IMG-082).
WRITABLE = frozenset(
    {
        "name",
        "visibility",
        "protected",
        "os_hidden",
        "owner",
        "tags",
        "min_disk",
        "min_ram",
        "disk_format",
        "container_format",
    }
)
READ_ONLY = frozenset(
    {
        "id",
        "created_at",
        "updated_at",
        "status",
        "checksum",
        "size",
        "virtual_size",
        "os_hash_algo",
        "os_hash_value",
        "direct_url",
        "self",
        "file",
        "schema",
        "stores",
    }
)
RESERVED = frozenset({"location", "locations", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance"

# Formats of Amazon's: kernel, ram disk and file system are three images, and each says so twice.
TRIPLE_FORMATS = frozenset({"aki", "ari", "ami"})


def may_become(status: str, target: str) -> bool:
    return target in TRANSITIONS[status]


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image as other rooms and the API see it.

    Sizes are bytes, `min_disk` GiB, `min_ram` MiB. `properties` are the extra ones, text to text. `stores` names the
    stores that hold its data. `deleted_at` is set on tombstones only.
    """

    id: str
    name: str | None
    status: str
    visibility: Visibility
    owner: str | None
    protected: bool
    os_hidden: bool
    min_disk: int
    min_ram: int
    disk_format: str | None
    container_format: str | None
    size: int | None = None
    virtual_size: int | None = None
    checksum: str | None = None
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    properties: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An image to be registered. Values have been checked (`fields.checked`)."""

    id: str | None = None
    name: str | None = None
    visibility: Visibility = "shared"
    owner: str | None = None
    protected: bool = False
    os_hidden: bool = False
    min_disk: int = 0
    min_ram: int = 0
    disk_format: str | None = None
    container_format: str | None = None
    properties: dict[str, str] = {}
    tags: tuple[str, ...] = ()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A project that a shared image is shown to. `status` is the project's own answer."""

    image_id: str
    member_id: str
    status: MemberStatus
    created_at: datetime
    updated_at: datetime


class BlobRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where an image's data lies: `key` in `store`, `size` bytes."""

    image_id: str
    store: str
    key: str
    size: int


class Place(msgspec.Struct, frozen=True):
    """Where data lies, as services are told."""

    store: str
    url: str


class StoredBlob(msgspec.Struct, frozen=True, kw_only=True):
    """Data that has been written whole and made durable, and what was learned while it passed.

    `virtual_size` is the size of the disk that a guest sees, None where the format does not tell.
    """

    store: str
    key: str
    size: int
    checksum: str
    os_hash_algo: str
    os_hash_value: str
    virtual_size: int | None


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """The right to write an image's data, held by one process for as long as it renews its lease.

    `id` is the fencing token: it names the file, and the image only becomes active while its row is there.
    `limit` is the largest size in bytes, `quota_left` what the owner may still store (None: no limit).
    """

    id: str
    image_id: str
    store: str
    disk_format: str
    container_format: str
    limit: int
    quota_left: int | None
