"""What a create request asks for, after the API has read it."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from unkai.compute.disks import Mapping
from unkai.compute.server import Destination, File
from unkai.network.service import NetworkRequest


class NewServer(msgspec.Struct, frozen=True, kw_only=True):
    """`zone` and `destination` are parsed already; `networks` None is a request of before 2.37 that names none.

    `zero_disk` says whether the caller may use a flavor without a disk on an image. `names_groups` tells an empty
    list of security groups from none.
    """

    name: str
    description: str | None = None
    hostname: str | None = None
    flavor_id: str
    image_id: str | None = None
    key_name: str | None = None
    networks: list[NetworkRequest] | Literal["auto", "none"] | None = None
    security_groups: list[str] | None = None
    user_data: str | None = None
    metadata: dict[str, str] = {}
    config_drive: bool = False
    min_count: int = 1
    max_count: int = 1
    zone: str | None = None
    destination: Destination | None = None
    hints: dict[str, Any] = {}
    disk_config: Literal["AUTO", "MANUAL"] | None = None
    tags: tuple[str, ...] = ()
    files: list[File] = []
    mappings: list[Mapping] = []
    admin_password: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    zero_disk: bool = False


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a PUT changes; UNSET is left as it is."""

    name: str | UnsetType = UNSET
    description: str | None | UnsetType = UNSET
    hostname: str | UnsetType = UNSET
    access_ip_v4: str | UnsetType = UNSET
    access_ip_v6: str | UnsetType = UNSET
    disk_config: Literal["AUTO", "MANUAL"] | UnsetType = UNSET
    pinned_zone: str | None | UnsetType = UNSET
