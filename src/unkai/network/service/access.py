"""What a caller may see, and how much a project may have."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from unkai.kernel.context import Context
from unkai.kernel.errors import QuotaExceeded
from unkai.kernel.kit import Kit
from unkai.kernel.quota import Resource
from unkai.kernel.scope import Scope
from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx
from unkai.network.errors import OverQuota
from unkai.network.settings import QuotaOptions
from unkai.network.store import common, tables

SERVICE = "network"

_COUNTED = {
    "network": tables.networks,
    "subnet": tables.subnets,
    "port": tables.ports,
    "router": tables.routers,
    "floatingip": tables.floating_ips,
    "security_group": tables.security_groups,
    "security_group_rule": tables.rules,
    "subnetpool": tables.subnetpools,
}


def scope_of(kit: Kit, context: Context) -> Scope:
    """An administrator sees everything, whatever project the token is for; others what their project sees."""
    return Scope.system() if kit.policy.allows(context, "context_is_admin", {}) else context.scope


def _usage(name: str) -> Callable[[Tx, str], Mapping[str, int]]:
    return lambda tx, project_id: {name: common.count(tx, _COUNTED[name], project_id)}


def quota_resources(settings: Settings) -> tuple[Resource, ...]:
    """What the kernel's quota engine counts for this room."""
    options = settings[QuotaOptions]
    return tuple(Resource(SERVICE, name, getattr(options, f"quota_{name}"), _usage(name)) for name in _COUNTED)


def reserve(tx: Tx, kit: Kit, project_id: str, **wanted: int) -> None:
    """Make sure that the project may have so many more. Raises OverQuota (409, where other services answer 403)."""
    try:
        kit.quota.check(tx, SERVICE, project_id, wanted)
    except QuotaExceeded as error:
        names = str(error.params["resources"]).split(", ")
        raise OverQuota(overs=str(names)) from error


def changed(change: msgspec.Struct) -> dict[str, Any]:
    """The fields of a change that the caller gave, by their names in the row."""
    return {name: value for name in change.__struct_fields__ if (value := getattr(change, name)) is not msgspec.UNSET}
