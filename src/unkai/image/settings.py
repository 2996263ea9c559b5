"""Options of the image room, under the names of glance-api.conf."""

from pathlib import Path

from unkai.kernel.settings import Group, Settings, option


class ImageOptions(Group, name="DEFAULT"):
    image_size_cap: int = option(1099511627776, "Largest image in bytes that can be uploaded.")
    user_storage_quota: str = option(
        "0", "Image bytes that a project may store, as a number with B, KB, MB, GB or TB; 0 is no limit."
    )
    image_property_quota: int = option(128, "Most extra properties of an image; negative is no limit.")
    image_tag_quota: int = option(128, "Most tags of an image; negative is no limit.")
    image_member_quota: int = option(128, "Most projects an image is shared with; negative is no limit.")
    hashing_algorithm: str = option("sha512", "Digest of os_hash_value, by its name in Python's hashlib.")
    limit_param_default: int = option(25, "Images in a list when the request sets no limit.")
    api_limit_max: int = option(1000, "Most images in one list, whatever the request says.")
    client_socket_timeout: int = option(900, "Seconds without a byte after which an upload is given up.")


class ImageFormat(Group, name="image_format"):
    container_formats: list[str] = option(
        ["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"], "Container formats that are taken."
    )
    disk_formats: list[str] = option(
        ["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"],
        "Disk formats that are taken. IMG-092",
    )
    vmdk_allowed_types: list[str] = option(
        ["streamOptimized", "monolithicSparse"], "Create types of VMDK that are taken. IMG-009"
    )
    require_image_format_match: bool = option(True, "Refuse data that is not of the image's disk format.")
    gpt_safety_checks_nonfatal: list[str] = option([], "Checks of partition tables (mbr, gptmbr) that only warn.")


class GlanceStore(Group, name="glance_store"):
    default_backend: str = option("file", "Name of the store that new data goes to.")
    filesystem_store_datadir: str = option("", "Folder of the file store; empty is images in state_path.")


class ImageTasks(Group, name="unkai"):
    image_upload_lease: float = option(30.0, "Seconds after which the upload of a process that died is undone.")
    image_reconcile_interval: float = option(15.0, "Seconds between looks for uploads and data that were left over.")
    image_audit_interval: float = option(3600.0, "Seconds between comparisons of the whole store with the database.")


def datadir(settings: Settings) -> Path:
    chosen = settings[GlanceStore].filesystem_store_datadir
    return Path(chosen) if chosen else Path(settings.value("DEFAULT", "state_path")) / "images"


_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def storage_quota(settings: Settings) -> int:
    """Bytes a project may store, 0 for no limit. Raises ValueError for text that says nothing (checked at start)."""
    text = settings[ImageOptions].user_storage_quota.strip()
    unit = text.lstrip("0123456789")
    number = text.removesuffix(unit)
    if not number or unit not in ("", *_UNITS):
        raise ValueError(f"[DEFAULT] user_storage_quota: {text!r} is not a number with B, KB, MB, GB or TB")
    return int(number) * _UNITS[unit or "B"]
