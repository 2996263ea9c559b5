"""Query strings of server lists: who may filter and sort by what, from which version on (API reference: List servers).

Callers without os_compute_api:servers:allow_all_filters have a short list of filters; others are ignored, as
upstream does.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from unkai.compute import model
from unkai.compute.api import query
from unkai.compute.errors import DeletedOnlyForAdmins
from unkai.compute.service.listing import Addresses
from unkai.compute.store.server_list import Filters
from unkai.compute.words import words
from unkai.kernel import clock
from unkai.kernel.context import Context
from unkai.kernel.errors import BadRequest, Forbidden, InvalidParameter
from unkai.kernel.paging import Page, SortKey
from unkai.kernel.scope import Scope
from unkai.kernel.web import Request

_REGEX = words("""
    kernel_id ramdisk_id hostname key_name power_state node flavor reservation_id launched_at terminated_at
    availability_zone name display_name description display_description locked_by root_device_name config_drive
    access_ip_v4 access_ip_v6 auto_disk_config progress ip ip6 created_at
""")
_PLAIN = words("""
    user_id project_id tenant_id launch_index image_ref image vm_state task_state host uuid all_tenants soft_deleted
    deleted status sort_dir
""")
_FORBIDDEN = frozenset(
    words("block_device_mapping services metadata system_metadata info_cache security_groups pci_devices")
)

_SORT = frozenset(
    words("""
        access_ip_v4 access_ip_v6 auto_disk_config availability_zone config_drive created_at display_description
        display_name host hostname image_ref instance_type_id kernel_id key_name launch_index launched_at locked_by
        node power_state progress project_id ramdisk_id root_device_name task_state terminated_at updated_at user_id
        uuid vm_state
    """)
)
_ADMIN_SORT = ("host", "node")
# Accepted for the sake of old clients, and ignored, until 2.75.
_IGNORED_SORT = frozenset(
    words("""
        architecture cell_name cleaned default_ephemeral_device default_swap_device deleted deleted_at
        disable_terminate ephemeral_gb ephemeral_key_uuid id key_data launched_on locked memory_mb os_type
        reservation_id root_gb shutdown_terminate user_data vcpus vm_mode
    """)
)

_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")

NAMES = query.Names(
    known={
        **query.PAGING,
        **dict.fromkeys(_PLAIN),
        **dict.fromkeys(_FORBIDDEN),
        **dict.fromkeys(_REGEX, query.regex),
        "changes-since": query.time,
        "sort_key": query.one_of(_SORT | _IGNORED_SORT),
    },
    added={
        26: dict.fromkeys(_TAGS),
        66: {"changes-before": query.time},
        73: {"locked": None, "sort_key": query.one_of(_SORT | _IGNORED_SORT)},
        75: {"sort_key": query.one_of(_SORT | {"locked"})},
    },
    strict=75,
)

# What everybody may filter by, from which minor version on.
_EVERYBODY: Mapping[str, int] = {
    **dict.fromkeys(("reservation_id", "name", "status", "image", "flavor", "ip", "changes-since", "all_tenants"), 1),
    "ip6": 5,
    **dict.fromkeys(_TAGS, 26),
    "changes-before": 66,
    "locked": 73,
    **dict.fromkeys(
        ("availability_zone", "config_drive", "key_name", "created_at", "launched_at", "terminated_at", "power_state",
         "task_state", "vm_state", "progress", "user_id"), 83),
    "hostname": 90,
}  # fmt: skip

_MATCHING = {
    "access_ip_v4": "access_ip_v4", "access_ip_v6": "access_ip_v6", "availability_zone": "availability_zone",
    "description": "display_description", "display_description": "display_description", "display_name": "display_name",
    "hostname": "hostname", "kernel_id": "kernel_id", "key_name": "key_name", "locked_by": "locked_by",
    "name": "display_name", "node": "node", "ramdisk_id": "ramdisk_id", "reservation_id": "reservation_id",
    "root_device_name": "root_device_name",
}  # fmt: skip
_EQUAL = {
    "flavor": "flavor", "host": "host", "image": "image_ref", "image_ref": "image_ref", "task_state": "task_state",
    "user_id": "user_id", "uuid": "uuid", "vm_state": "vm_state",
}  # fmt: skip
_WHOLE = ("launch_index", "power_state", "progress")
_TRUTH = ("auto_disk_config", "config_drive")
_MOMENTS = ("created_at", "launched_at", "terminated_at")


class Wanted(msgspec.Struct, frozen=True):
    """A list request, read. `nothing`: no row can match."""

    scope: Scope
    filters: Filters
    page: Page
    addresses: Addresses
    nothing: bool = False


def read(request: Request, *, detailed: bool) -> Wanted:
    """Raises InvalidParameter, BadRequest, Forbidden, DeletedOnlyForAdmins."""
    asked = {name: request.query.get(name) or "" for name in request.query.names()}
    options = _permitted(request, asked)
    for name in options:
        if name in _FORBIDDEN or name.startswith("_"):
            raise BadRequest(reason=f"Invalid filter field: {name[:64]}.")
    scope = _scope(request, options, detailed=detailed)
    equal = _equal(options)
    nothing = _by_status(request, equal)
    if scope.kind == "system":
        for name in ("project_id", "tenant_id"):
            if name in options:
                equal["project_id"] = (options[name],)
    deleted = _deleted(request.context, options, equal)
    filters = Filters(
        deleted=deleted,
        equal=equal,
        matching={
            column: query.core(options[name])
            for name, column in _MATCHING.items()
            if name in options and query.core(options[name])
        },
        moments={name: _moment(name, options[name]) for name in _MOMENTS if name in options},
        changes_since=_time(options, "changes-since"),
        changes_before=_time(options, "changes-before"),
        locked=_truth("locked", options["locked"]) if "locked" in options else None,
        tags=_tags(options, "tags"),
        tags_any=_tags(options, "tags-any"),
        not_tags=_tags(options, "not-tags"),
        not_tags_any=_tags(options, "not-tags-any"),
    )
    if filters.changes_since and filters.changes_before and filters.changes_before < filters.changes_since:
        raise BadRequest(reason="The value of changes-since must be less than or equal to changes-before.")
    part = query.window(request)
    page = Page(part.limit, part.marker, _sort(request))
    return Wanted(scope, filters, page, Addresses(options.get("ip"), options.get("ip6")), nothing)


def _permitted(request: Request, asked: Mapping[str, str]) -> dict[str, str]:
    known = NAMES.at(request.version.minor)
    if request.allows("os_compute_api:servers:allow_all_filters"):
        named = {name: value for name, value in asked.items() if name in known or name.startswith("_")}
    else:
        minor = request.version.minor
        named = {name: value for name, value in asked.items() if _EVERYBODY.get(name, 9999) <= minor}
    return {name: value for name, value in named.items() if name not in ("sort_key", "sort_dir", "limit", "marker")}


def _scope(request: Request, options: Mapping[str, str], *, detailed: bool) -> Scope:
    """Every project's servers only with all_tenants and the policy for it; an empty value is a yes."""
    context = request.context
    if "all_tenants" in options and (options["all_tenants"] == "" or _truth("all_tenants", options["all_tenants"])):
        request.authorize(f"os_compute_api:servers:{'detail' if detailed else 'index'}:get_all_tenants")
        return Scope.system()
    return Scope.project(context.project_id or "")


def _equal(options: Mapping[str, str]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, tuple[Any, ...]] = {}
    for name, column in _EQUAL.items():
        if name in options:
            found[column] = (options[name],)
    for name in _WHOLE:
        if name in options:
            text = options[name]
            found[name] = (int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1,)
    for name in _TRUTH:
        if name in options:
            found[name] = (options[name].lower() in ("1", "true", "t", "yes", "y", "on"),)
    return found


def _by_status(request: Request, equal: dict[str, tuple[Any, ...]]) -> bool:
    """Turn `status` into states; returns whether it names none that exists (before 2.38)."""
    if "status" not in request.query:
        return False
    states = model.states_of(request.query.all("status"))
    if states is None:
        if request.at_least(38):
            raise BadRequest(reason="Invalid status value")
        return True
    equal["vm_state"] = states.vm_states
    if states.tasks is not None:
        equal["task_state"] = states.tasks
    return False


def _deleted(context: Context, options: Mapping[str, str], equal: dict[str, tuple[Any, ...]]) -> bool | None:
    if equal.get("vm_state") == (model.DELETED,):
        if not context.is_admin:
            raise DeletedOnlyForAdmins
        return True
    if "deleted" in options:
        return options["deleted"].lower() in ("1", "true", "t", "yes", "y", "on")
    return None if "changes-since" in options or "changes-before" in options else False


def _sort(request: Request) -> tuple[SortKey, ...]:
    """Raises InvalidParameter, Forbidden. By creation, newest first, when nothing else is asked for."""
    keys = [text.strip() for text in request.query.all("sort_key")]
    directions = [text.strip() for text in request.query.all("sort_dir")]
    if not keys:
        keys = ["created_at"]
    if len(directions) > len(keys):
        raise InvalidParameter(name="sort_dir", reason="Sort direction size exceeds sort key size")
    if any(direction not in ("asc", "desc") for direction in directions):
        raise InvalidParameter(name="sort_dir", reason="Unknown sort direction, must be one of: asc, desc")
    default = directions[0] if directions else "desc"
    found: list[SortKey] = []
    for position, key in enumerate(keys):
        ignored = _IGNORED_SORT - {"locked"} if request.at_least(73) else _IGNORED_SORT
        if key in ignored:
            continue
        if key in _ADMIN_SORT and not request.context.is_admin:
            raise AdminSort(key=key)
        direction = directions[position] if position < len(directions) else default
        found.append(SortKey(key, "asc" if direction == "asc" else "desc"))
    return tuple(found) or (SortKey("created_at", "desc"),)


class AdminSort(Forbidden):
    code = "compute.admin_sort"
    text = "Only administrators can sort servers by {key}"
    remedy = "Sort by another key."


def _truth(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word in ("1", "t", "true", "on", "y", "yes"):
        return True
    if word in ("0", "f", "false", "off", "n", "no"):
        return False
    raise InvalidParameter(name=name, reason=f"Unrecognized value '{text[:64]}'")


def _time(options: Mapping[str, str], name: str) -> datetime | None:
    return clock.parse(options[name]) if name in options else None


def _moment(name: str, text: str) -> datetime:
    try:
        return clock.parse(text)
    except ValueError as error:
        raise InvalidParameter(name=name, reason=f"{text[:64]!r} is not a time") from error


def _tags(options: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(tag for tag in options.get(name, "").split(",") if tag)
