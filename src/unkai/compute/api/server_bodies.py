"""Bodies of create and update, with the versions of their fields (API reference: Create server, Update server)."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from unkai.compute.api.body import Body, Check, Since, Until
from unkai.compute.api.kinds import (
    Base64,
    Description,
    DiskConfig,
    Flag,
    Fqdn,
    IPAddress,
    IPv4,
    IPv6,
    Metadata,
    Name,
    PositiveNumber,
    Tag,
    Text255,
    UserData,
    Uuid,
    number,
    unique,
)
from unkai.compute.service.update import MAX_TAGS
from unkai.kernel.ids import is_uuid

DeviceName = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A[a-zA-Z0-9._/-]*\Z")]
Size = Annotated[int | Annotated[str, Meta(pattern=r"\A[0-9]+\Z", max_length=18)], number(1)]


def _image(value: Any) -> str | None:
    """A UUID, or the empty text of a server that boots from a volume."""
    return None if not isinstance(value, str) or value == "" or is_uuid(value) else f"{value[:64]!r} is not a 'uuid'"


class Network(Body):
    uuid: str | UnsetType = UNSET
    port: Uuid | None | UnsetType = UNSET
    fixed_ip: IPAddress | UnsetType = UNSET
    tag: Annotated[Tag | UnsetType, Since(32, 36), Since(42)] = UNSET


class SecurityGroup(Body):
    name: Name | UnsetType = UNSET


class Personality(Body):
    path: str | UnsetType = UNSET
    contents: Base64 | UnsetType = UNSET


class LegacyMapping(Body):
    virtual_name: Text255 | UnsetType = UNSET
    volume_id: Uuid | UnsetType = UNSET
    snapshot_id: Uuid | UnsetType = UNSET
    volume_size: Size | UnsetType = UNSET
    device_name: DeviceName | UnsetType = UNSET
    delete_on_termination: Flag | UnsetType = UNSET
    no_device: Any = UNSET
    connection_info: Annotated[str, Meta(max_length=16777215)] | UnsetType = UNSET


class DiskMapping(LegacyMapping):
    """One item of block_device_mapping_v2."""

    source_type: Literal["volume", "image", "snapshot", "blank"] | UnsetType = UNSET
    destination_type: Literal["local", "volume"] | UnsetType = UNSET
    uuid: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\A[a-zA-Z0-9._-]*\Z")] | UnsetType = UNSET
    image_id: Uuid | UnsetType = UNSET
    guest_format: Text255 | UnsetType = UNSET
    device_type: Text255 | UnsetType = UNSET
    disk_bus: Text255 | UnsetType = UNSET
    boot_index: int | Annotated[str, Meta(pattern=r"\A-?[0-9]+\Z", max_length=10)] | None | UnsetType = UNSET
    tag: Annotated[Tag | UnsetType, Since(32, 32), Since(42)] = UNSET
    volume_type: Annotated[Text255 | None | UnsetType, Since(67)] = UNSET


def _hints(value: Any) -> str | None:
    """Upstream's forms of the hints that it knows; any other hint is taken as it is."""
    if not isinstance(value, dict):
        return None
    for name in ("group", "different_host"):
        hint = value.get(name)
        for item in hint if isinstance(hint, list) else [] if hint is None else [hint]:
            if not is_uuid(item):
                return f"{name}: {str(item)[:64]!r} is not a 'uuid'"
    same = value.get("same_host")
    if same is not None and not isinstance(same, str | list):
        return "same_host: a server's id or a list of them"
    if isinstance(same, list) and not all(is_uuid(item) for item in same):
        return "same_host: not a list of 'uuid'"
    if "query" in value and not isinstance(value["query"], str | dict):
        return "query: a text or an object"
    return None


Hints = Annotated[dict[str, Any], Check(_hints)]


class NewServerBody(Body):
    """`networks` has to be there from 2.37 on, and may be "auto" or "none" then."""

    name: Name
    flavor_ref: int | Annotated[str, Meta(min_length=1)] = field(name="flavorRef")
    image_ref: Annotated[str | UnsetType, Check(_image)] = field(default=UNSET, name="imageRef")
    admin_pass: str | UnsetType = field(default=UNSET, name="adminPass")
    metadata: Metadata | UnsetType = UNSET
    networks: list[Network] | Literal["auto", "none"] | UnsetType = UNSET
    disk_config: DiskConfig | UnsetType = field(default=UNSET, name="OS-DCF:diskConfig")
    access_ip_v4: IPv4 | UnsetType = field(default=UNSET, name="accessIPv4")
    access_ip_v6: IPv6 | UnsetType = field(default=UNSET, name="accessIPv6")
    personality: Annotated[list[Personality] | UnsetType, Until(56)] = UNSET
    availability_zone: Name | UnsetType = UNSET
    block_device_mapping: list[LegacyMapping] | UnsetType = UNSET
    block_device_mapping_v2: list[DiskMapping] | UnsetType = UNSET
    config_drive: Flag | UnsetType = UNSET
    key_name: Name | UnsetType = UNSET
    min_count: PositiveNumber | UnsetType = UNSET
    max_count: PositiveNumber | UnsetType = UNSET
    return_reservation_id: Flag | UnsetType = UNSET
    security_groups: list[SecurityGroup] | UnsetType = UNSET
    user_data: UserData | UnsetType = UNSET
    description: Annotated[Description | None | UnsetType, Since(19)] = UNSET
    tags: Annotated[Annotated[list[Tag], Meta(max_length=MAX_TAGS)] | UnsetType, Since(52)] = UNSET
    trusted_image_certificates: Annotated[
        Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, max_length=50)] | None | UnsetType,
        Since(63),
        Check(unique),
    ] = UNSET
    host: Annotated[Fqdn | UnsetType, Since(74)] = UNSET
    hypervisor_hostname: Annotated[Fqdn | UnsetType, Since(74)] = UNSET
    hostname: Annotated[Fqdn | UnsetType, Since(90)] = UNSET


class CreateServer(Body):
    server: NewServerBody
    hints: Hints | UnsetType = field(default=UNSET, name="os:scheduler_hints")
    old_hints: Hints | UnsetType = field(default=UNSET, name="OS-SCH-HNT:scheduler_hints")


class ServerChanges(Body):
    name: Name | UnsetType = UNSET
    disk_config: DiskConfig | UnsetType = field(default=UNSET, name="OS-DCF:diskConfig")
    access_ip_v4: IPv4 | UnsetType = field(default=UNSET, name="accessIPv4")
    access_ip_v6: IPv6 | UnsetType = field(default=UNSET, name="accessIPv6")
    description: Annotated[Description | None | UnsetType, Since(19)] = UNSET
    hostname: Annotated[Fqdn | UnsetType, Since(90)] = UNSET
    pinned_availability_zone: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None | UnsetType, Since(104)
    ] = UNSET


class UpdateServer(Body):
    server: ServerChanges
