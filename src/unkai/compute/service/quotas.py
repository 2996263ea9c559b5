"""Quotas of Compute: what is counted, limits of projects, users and classes."""

from collections.abc import Mapping

import msgspec

from unkai.compute.errors import QuotaBelowUse, UnknownProject
from unkai.compute.service.scopes import SYSTEM
from unkai.compute.settings import QuotaOptions
from unkai.compute.store import quotas as store
from unkai.identity import service as identity
from unkai.kernel.kit import Kit
from unkai.kernel.quota import UNLIMITED, Resource
from unkai.kernel.scope import Scope
from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx

SERVICE = "compute"
# Counted by rows of servers.
_SERVERS = ("instances", "cores", "ram")
# Bounds of single requests and of users: nothing a project has used up.
_BOUNDS = (
    "metadata_items", "injected_files", "injected_file_content_bytes", "injected_file_path_bytes", "key_pairs",
    "server_group_members",
)  # fmt: skip
# Quotas that belong to the network since it has a room of its own; Compute's API showed them until 2.35.
OF_NETWORK = ("floating_ips", "fixed_ips", "security_groups", "security_group_rules")


class Use(msgspec.Struct, frozen=True):
    limit: int
    in_use: int
    reserved: int = 0


def resources(settings: Settings) -> tuple[Resource, ...]:
    """Everything with a limit, with the defaults of [quota]."""
    options = settings[QuotaOptions]
    renamed = {"injected_file_path_bytes": "injected_file_path_length"}

    def default(name: str) -> int:
        return int(getattr(options, renamed.get(name, name)))

    return (
        *(Resource(SERVICE, name, default(name), _server_usage) for name in _SERVERS),
        Resource(SERVICE, "server_groups", default("server_groups"), _group_usage),
        *(Resource(SERVICE, name, default(name), _none) for name in _BOUNDS),
        *(Resource(SERVICE, name, UNLIMITED, _none) for name in OF_NETWORK),
    )


def _server_usage(tx: Tx, project_id: str) -> Mapping[str, int]:
    return store.server_usage(tx, Scope.project(project_id))


def _group_usage(tx: Tx, project_id: str) -> Mapping[str, int]:
    return store.group_usage(tx, Scope.project(project_id))


def _none(tx: Tx, project_id: str) -> Mapping[str, int]:
    return dict.fromkeys((*_BOUNDS, *OF_NETWORK), 0)


def require_project(tx: Tx, project_id: str) -> None:
    """Raises UnknownProject."""
    if not identity.project_exists(tx, project_id):
        raise UnknownProject(project=project_id[:255])


def limits(tx: Tx, kit: Kit, project_id: str, user_id: str | None = None) -> dict[str, int]:
    """What is in force for a project, or for one of its users."""
    found = kit.quota.limits(tx, SERVICE, project_id)
    if user_id is not None:
        found.update(store.limits_of_user(tx, SYSTEM, project_id, user_id))
    return found


def uses(tx: Tx, kit: Kit, project_id: str, user_id: str | None = None) -> dict[str, Use]:
    used = kit.quota.usage(tx, SERVICE, project_id)
    if user_id is not None:
        used.update(store.server_usage(tx, SYSTEM if not project_id else Scope.project(project_id), user_id))
    return {name: Use(limit, used[name]) for name, limit in limits(tx, kit, project_id, user_id).items()}


def show_limits(tx: Tx, kit: Kit, project_id: str, user_id: str | None) -> dict[str, int]:
    """Raises UnknownProject."""
    require_project(tx, project_id)
    return limits(tx, kit, project_id, user_id)


def show_uses(tx: Tx, kit: Kit, project_id: str, user_id: str | None) -> dict[str, Use]:
    """Raises UnknownProject."""
    require_project(tx, project_id)
    return uses(tx, kit, project_id, user_id)


def show_defaults(tx: Tx, kit: Kit, project_id: str) -> dict[str, int]:
    """Raises UnknownProject."""
    require_project(tx, project_id)
    return kit.quota.defaults(tx, SERVICE)


def set_limits(
    tx: Tx, kit: Kit, project_id: str, user_id: str | None, values: Mapping[str, int], *, force: bool
) -> dict[str, int]:
    """Raises UnknownProject, QuotaBelowUse unless forced."""
    require_project(tx, project_id)
    kit.quota.lock(tx, project_id)
    in_use = uses(tx, kit, project_id, user_id)
    whole = kit.quota.limits(tx, SERVICE, project_id)
    for name, value in values.items():
        if force:
            continue
        if value != UNLIMITED and value < in_use[name].in_use:
            raise QuotaBelowUse(
                reason=f"Quota limit {value} for {name} must be greater than or equal to already used and reserved "
                f"{in_use[name].in_use}."
            )
        if user_id is not None and whole[name] != UNLIMITED and not 0 <= value <= whole[name]:
            raise QuotaBelowUse(reason=f"Quota limit {value} for {name} must be less than or equal to {whole[name]}.")
    if user_id is None:
        kit.quota.set_limits(tx, SERVICE, project_id, values)
    else:
        store.set_limits_of_user(tx, SYSTEM, project_id, user_id, values)
    return limits(tx, kit, project_id, user_id)


def reset(tx: Tx, kit: Kit, project_id: str, user_id: str | None) -> None:
    if user_id is None:
        kit.quota.reset(tx, SERVICE, project_id)
    store.forget_limits(tx, SYSTEM, project_id, user_id)


def class_limits(tx: Tx, kit: Kit, name: str) -> dict[str, int]:
    """A quota class; every name but `default` stands for the defaults until it is set."""
    return {**kit.quota.defaults(tx, SERVICE), **kit.quota.class_limits(tx, SERVICE, name)}


def set_class_limits(tx: Tx, kit: Kit, name: str, values: Mapping[str, int]) -> dict[str, int]:
    kit.quota.set_class_limits(tx, SERVICE, name, values)
    return class_limits(tx, kit, name)


def headroom(tx: Tx, kit: Kit, project_id: str, user_id: str) -> dict[str, Use]:
    """Use and limit of servers, cores and memory, under the project's lock: the tighter of project and user."""
    kit.quota.lock(tx, project_id)
    of_project = kit.quota.limits(tx, SERVICE, project_id)
    used = store.server_usage(tx, Scope.project(project_id))
    found = {name: Use(of_project[name], used[name]) for name in _SERVERS}
    of_user = store.limits_of_user(tx, SYSTEM, project_id, user_id)
    if any(name in of_user for name in _SERVERS):
        own = store.server_usage(tx, Scope.project(project_id), user_id)
        for name in _SERVERS:
            if name in of_user:
                found[name] = min(found[name], Use(of_user[name], own[name]), key=_left)
    return found


def _left(use: Use) -> float:
    return float("inf") if use.limit == UNLIMITED else use.limit - use.in_use
