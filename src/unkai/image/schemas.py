"""What images and members are, in JSON Schema: glanceclient builds its models from these documents.

Keys, types, limits and the order of null are upstream's; the limits are those that `fields.py` enforces.
"""

from typing import Any

from unkai.image.fields import UUID_PATTERN
from unkai.image.filters import MEMBER_STATUSES, VISIBILITIES
from unkai.image.model import TRANSITIONS
from unkai.image.settings import ImageFormat
from unkai.kernel.settings import Settings

Document = dict[str, Any]

_DESCRIBED_BY = {"rel": "describedby", "href": "{schema}"}
_PAGES = [{"rel": "first", "href": "{first}"}, {"rel": "next", "href": "{next}"}, _DESCRIBED_BY]
_LINK = {"type": "string"}

# Extra properties that upstream ships a description of, so that clients offer them by name.
_COMMON_PROPERTIES = {
    "kernel_id": "Id of the image with the kernel that this image boots with",
    "ramdisk_id": "Id of the image with the RAM disk that this image boots with",
    "instance_uuid": "Id of the server that this image was made of",
    "architecture": "Processor architecture that the system in the image runs on",
    "os_distro": "Name of the operating system's distribution",
    "os_version": "Version of the operating system",
}


def documents(settings: Settings) -> dict[str, Document]:
    """The documents by their names in /v2/schemas."""
    image = image_schema(settings)
    member = {"name": "member", "properties": _member_properties()}
    return {
        "image": image,
        "images": {
            "name": "images",
            "properties": {
                "images": {"type": "array", "items": image},
                "first": _LINK,
                "next": _LINK,
                "schema": _LINK,
            },
            "links": _PAGES,
        },
        "member": member,
        "members": {
            "name": "members",
            "properties": {"members": {"type": "array", "items": member}, "schema": _LINK},
            "links": [_DESCRIBED_BY],
        },
    }


def image_schema(settings: Settings) -> Document:
    return {
        "name": "image",
        "properties": {**_written(settings), **_computed(), **_described()},
        "additionalProperties": {"type": "string"},
        "links": [
            {"rel": "self", "href": "{self}"},
            {"rel": "enclosure", "href": "{file}"},
            _DESCRIBED_BY,
        ],
    }


def _text(description: str, length: int | None = None, *, null: bool = False) -> Document:
    found: Document = {"type": ["null", "string"] if null else "string", "description": description}
    if length is not None:
        found["maxLength"] = length
    return found


def _choice(description: str, values: list[Any], *, null: bool = False) -> Document:
    return {**_text(description, null=null), "enum": [None, *values] if null else values}


def _read_only(document: Document) -> Document:
    return {**document, "readOnly": True}


def _written(settings: Settings) -> Document:
    formats = settings[ImageFormat]
    visibilities = [word for word in VISIBILITIES if word != "all"]
    return {
        "id": {**_text("Id of the image"), "pattern": UUID_PATTERN},
        "name": _text("Name of the image", 255, null=True),
        "visibility": _choice("Who sees the image", visibilities),
        "protected": {"type": "boolean", "description": "Whether the image is kept from being deleted"},
        "os_hidden": {"type": "boolean", "description": "Whether lists leave the image out unless asked for it"},
        "owner": _text("Project that the image belongs to", 255, null=True),
        "container_format": _choice("What the data is packed in", formats.container_formats, null=True),
        "disk_format": _choice("Format of the disk's data", formats.disk_formats, null=True),
        "tags": {
            "type": "array",
            "description": "Tags of the image",
            "items": {"type": "string", "maxLength": 255},
        },
        "min_ram": {"type": "integer", "description": "Least memory of a server of this image, in MiB"},
        "min_disk": {"type": "integer", "description": "Least root disk of a server of this image, in GiB"},
    }


def _computed() -> Document:
    size = {"type": ["null", "integer"]}
    found = {
        "status": _choice("Where the image is in its life", list(TRANSITIONS)),
        "checksum": _text("md5 of the data", 32, null=True),
        "os_hash_algo": _text("Algorithm of os_hash_value", 64, null=True),
        "os_hash_value": _text("Hash of the data, in hexadecimal digits", 128, null=True),
        "size": {**size, "description": "Size of the data in bytes"},
        "virtual_size": {**size, "description": "Size in bytes of the disk that a server sees"},
        "created_at": _text("When the image was registered"),
        "updated_at": _text("When the image was changed last"),
        "direct_url": _text("Where the data lies in its store"),
        "self": _text("Path of the image"),
        "file": _text("Path of the image's data"),
        "schema": _text("Path of this document"),
        "stores": _text("Names of the stores that hold the data, with commas"),
    }
    return {name: _read_only(document) for name, document in found.items()} | {"locations": _locations()}


def _locations() -> Document:
    place = {"url": {"type": "string", "maxLength": 255}, "metadata": {"type": "object"}}
    return {
        "type": "array",
        "description": "Where the data lies",
        "items": {"type": "object", "properties": place, "required": ["url", "metadata"]},
    }


def _described() -> Document:
    return {name: {**_text(text), "is_base": False} for name, text in _COMMON_PROPERTIES.items()}


def _member_properties() -> Document:
    return {
        "member_id": _text("Project that the image is shared with"),
        "image_id": {**_text("Id of the image"), "pattern": UUID_PATTERN},
        "created_at": _text("When the image was shared"),
        "updated_at": _text("When the project answered last"),
        "status": _choice("The project's answer", [word for word in MEMBER_STATUSES if word != "all"]),
        "schema": {"type": "string", "readOnly": True},
    }
