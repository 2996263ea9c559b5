"""Security groups and their rules. A project's default group is made when it is first needed."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import is_uuid, new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    DuplicateSecurityGroupRuleInPost,
    NoUniqueSecurityGroup,
    SecurityGroupCannotRemoveDefault,
    SecurityGroupCannotUpdateDefault,
    SecurityGroupDefaultAlreadyExists,
    SecurityGroupInUse,
    SecurityGroupNotFound,
    SecurityGroupRuleExists,
)
from unkai.network.model import SecurityGroup, SecurityGroupRule
from unkai.network.protocols import number_of
from unkai.network.service import rule_checks
from unkai.network.service.access import changed, reserve, scope_of
from unkai.network.service.rule_checks import NewRule
from unkai.network.store import common, pending
from unkai.network.store import security_groups as store

DEFAULT = "default"


class NewSecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    project_id: str
    name: str = ""
    description: str = ""
    stateful: bool = True
    tags: list[str] = []


class SecurityGroupChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    stateful: bool | UnsetType = UNSET


def ensure_default(tx: Tx, kit: Kit, project_id: str) -> str:
    """The id of a project's default group, which is made now if it is missing.

    As upstream's: everything may leave, and what comes from members of the group may enter. Raises OverQuota.
    """
    found = store.default_group(tx, project_id)
    if found is not None:
        return found
    common.hold(tx, f"default-group:{project_id}")
    found = store.default_group(tx, project_id)
    if found is not None:
        return found
    id = _insert(tx, NewSecurityGroup(project_id=project_id, name=DEFAULT, description="Default security group"))
    store.set_default(tx, project_id, id)
    for ethertype in ("IPv4", "IPv6"):
        _insert_rule(
            tx,
            NewRule(
                security_group_id=id,
                project_id=project_id,
                direction="ingress",
                ethertype=ethertype,
                remote_group_id=id,
            ),
        )
    return id


def create(tx: Tx, kit: Kit, context: Context, new: NewSecurityGroup) -> SecurityGroup:
    """Raises SecurityGroupDefaultAlreadyExists, OverQuota."""
    ensure_default(tx, kit, new.project_id)
    if new.name.lower() == DEFAULT:
        raise SecurityGroupDefaultAlreadyExists()
    reserve(tx, kit, new.project_id, security_group=1, security_group_rule=2)
    id = _insert(tx, new)
    common.set_tags(tx, id, new.tags)
    return store.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, group: SecurityGroup, change: SecurityGroupChange) -> SecurityGroup:
    """Raises SecurityGroupCannotUpdateDefault, SecurityGroupDefaultAlreadyExists, SecurityGroupInUse."""
    if change.name is not UNSET and change.name != group.name:
        if store.default_group(tx, group.project_id) == group.id:
            raise SecurityGroupCannotUpdateDefault()
        if str(change.name).lower() == DEFAULT:
            raise SecurityGroupDefaultAlreadyExists()
    if change.stateful is not UNSET and change.stateful != group.stateful and store.in_use(tx, group.id):
        raise SecurityGroupInUse(id=group.id)
    store.update(tx, group.id, changed(change))
    pending.note(tx, "security_group", [group.id])
    return store.get(tx, Scope.system(), group.id)


def delete(tx: Tx, kit: Kit, context: Context, group: SecurityGroup) -> None:
    """Raises SecurityGroupInUse, SecurityGroupCannotRemoveDefault."""
    if store.in_use(tx, group.id):
        raise SecurityGroupInUse(id=group.id)
    is_default = store.default_group(tx, group.project_id) == group.id
    if is_default and not kit.policy.allows(context, "context_is_admin", {}):
        raise SecurityGroupCannotRemoveDefault()
    others = store.referring(tx, group.id)
    store.delete(tx, group.id)
    pending.note(tx, "security_group", [group.id, *others])


def create_rules(tx: Tx, kit: Kit, context: Context, new: Sequence[NewRule]) -> list[SecurityGroupRule]:
    """All of them or none.

    Raises SecurityGroupNotFound for the group or the remote group, SecurityGroupRuleExists,
    DuplicateSecurityGroupRuleInPost, OverQuota and what `rule_checks.normal` raises.
    """
    scope = scope_of(kit, context)
    made: list[str] = []
    identities: set[tuple[Any, ...]] = set()
    for one in new:
        group = store.get(tx, scope, one.security_group_id)
        if one.remote_group_id is not None:
            store.get(tx, scope, one.remote_group_id)
        one = msgspec.structs.replace(rule_checks.normal(one), project_id=group.project_id)
        identity = _identity(one)
        if identity in identities:
            raise DuplicateSecurityGroupRuleInPost()
        identities.add(identity)
        same = next((rule for rule in group.security_group_rules if _identity(rule) == identity), None)
        if same is not None:
            raise SecurityGroupRuleExists(id=same.id)
        reserve(tx, kit, group.project_id, security_group_rule=1)
        made.append(_insert_rule(tx, one))
        pending.note(tx, "security_group", [group.id])
    return [store.rule(tx, Scope.system(), id) for id in made]


def delete_rule(tx: Tx, kit: Kit, context: Context, rule: SecurityGroupRule) -> None:
    store.delete_rule(tx, rule)
    pending.note(tx, "security_group", [rule.security_group_id])


def by_ids(tx: Tx, ids: Iterable[str]) -> dict[str, SecurityGroup]:
    """Groups with their rules; ids that do not exist are left out. A constant number of statements."""
    return store.by_ids(tx, Scope.system(), ids)


def resolve(tx: Tx, kit: Kit, context: Context, names: Sequence[str], project_id: str | None = None) -> list[str]:
    """Ids of groups given by name or id within a project.

    Raises SecurityGroupNotFound, NoUniqueSecurityGroup.
    """
    project = project_id or context.project_id or ""
    found: list[str] = []
    for name in dict.fromkeys(names):
        if name == DEFAULT:
            found.append(ensure_default(tx, kit, project))
            continue
        ids = store.named(tx, Scope.project(project), project, name)
        if not ids and is_uuid(name):
            ids = list(store.by_ids(tx, Scope.project(project), [name]))
        if not ids:
            raise SecurityGroupNotFound(id=name)
        if len(ids) > 1:
            raise NoUniqueSecurityGroup(name=name)
        found += ids
    return list(dict.fromkeys(found))


def _insert(tx: Tx, new: NewSecurityGroup) -> str:
    """The row, and the two rules by which everything may leave."""
    id = new_uuid()
    values = {name: getattr(new, name) for name in ("project_id", "name", "description", "stateful")}
    store.insert(tx, {"id": id, **values})
    for ethertype in ("IPv4", "IPv6"):
        rule = NewRule(
            security_group_id=id,
            project_id=new.project_id,
            direction="egress",
            ethertype=ethertype,
        )
        _insert_rule(tx, rule)
    pending.note(tx, "security_group", [id])
    return id


def _insert_rule(tx: Tx, new: NewRule) -> str:
    id = new_uuid()
    values = {name: getattr(new, name) for name in new.__struct_fields__}
    store.insert_rule(tx, {"id": id, **values, "normalized_cidr": rule_checks.normalized(new.remote_ip_prefix)})
    return id


def _identity(rule: NewRule | SecurityGroupRule) -> tuple[Any, ...]:
    """What makes two rules of a group the same: everything but the description."""
    return (
        rule.security_group_id,
        rule.direction,
        rule.ethertype,
        number_of(rule.protocol),
        rule.port_range_min,
        rule.port_range_max,
        rule_checks.normalized(rule.remote_ip_prefix),
        rule.remote_group_id,
    )
