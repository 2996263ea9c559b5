"""/security-groups and /security-group-rules"""

from typing import Any

from unkai.kernel.context import Context
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.kernel.web import Request
from unkai.network.api import tags
from unkai.network.api.attributes import (
    READ_ONLY,
    STANDARD,
    Attribute,
    boolean,
    integer,
    or_none,
    text,
    uuid,
)
from unkai.network.api.networks import kinds
from unkai.network.api.querying import Filterable
from unkai.network.api.resource import Resource, plain_struct, routes
from unkai.network.errors import InvalidCIDR, SecurityGroupInvalidPortValue
from unkai.network.model import SecurityGroup, SecurityGroupRule
from unkai.network.service import rule_checks
from unkai.network.service import security_groups as service
from unkai.network.service.access import scope_of
from unkai.network.store import security_groups as store


def _protocol(value: Any) -> str | None:
    """A name or a number, as a number or as a string."""
    if value is None or (isinstance(value, str) and value == ""):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"'{value}' is not a protocol")
    return str(value)


def _prefix(value: Any) -> str | None:
    """An address or CIDR; one address stands for its whole length."""
    if value is None or value == "":
        return None
    try:
        rule_checks.normalized(value if isinstance(value, str) and "%" not in value else "nothing")
    except ValueError:
        raise InvalidCIDR(cidr=value) from None
    return str(value) if "/" in value else rule_checks.normalized(value)


def _port(value: Any) -> int | None:
    """A port, or ICMP's type or code. What it may be depends on the protocol: the service knows."""
    try:
        return None if value is None else int(integer()(value))
    except ValueError:
        raise SecurityGroupInvalidPortValue(port=value) from None


def _ethertype(value: Any) -> str:
    for known in "IPv4", "IPv6":
        if isinstance(value, str) and value.lower() == known.lower():
            return known
    raise ValueError(f"'{value}' is not in ['IPv4', 'IPv6']")


def _direction(value: Any) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word not in ("ingress", "egress"):
        raise ValueError(f"'{value}' is not in ['ingress', 'egress']")
    return word


_GROUP_ATTRIBUTES = {
    **STANDARD,
    "stateful": Attribute(boolean, default=True),
    "security_group_rules": READ_ONLY,
    "shared": READ_ONLY,
}
_RULE_ATTRIBUTES = {
    **{name: attribute for name, attribute in STANDARD.items() if name not in ("name", "tags")},
    "security_group_id": Attribute(uuid, put=False, required=True),
    "direction": Attribute(_direction, put=False, required=True),
    "ethertype": Attribute(_ethertype, put=False, default="IPv4"),
    "protocol": Attribute(_protocol, put=False),
    "port_range_min": Attribute(_port, put=False),
    "port_range_max": Attribute(_port, put=False),
    "remote_ip_prefix": Attribute(_prefix, put=False),
    "remote_group_id": Attribute(or_none(text()), put=False),
    "normalized_cidr": READ_ONLY,
}


def _plain_rule(rule: SecurityGroupRule) -> dict[str, Any]:
    return plain_struct(rule)


def _plain_group(group: SecurityGroup) -> dict[str, Any]:
    found = plain_struct(group)
    found["security_group_rules"] = [_plain_rule(rule) for rule in group.security_group_rules]
    found["shared"] = False
    return found


def _create_groups(tx: Tx, kit: Kit, context: Context, new: list[Any]) -> list[Any]:
    return [service.create(tx, kit, context, one) for one in new]


def _parents(tx: Tx, kit: Kit, context: Context, values: dict[str, Any]) -> dict[str, Any]:
    group = store.get(tx, scope_of(kit, context), values["security_group_id"])
    return {"security_group:tenant_id": group.project_id}


async def _prepare(request: Request) -> None:
    """A project that lists its groups finds its default one."""
    project_id = request.context.project_id
    if project_id and await request.kit.db.read(store.default_group, project_id) is None:
        await request.kit.db.run(service.ensure_default, request.kit, project_id)


SECURITY_GROUP = Resource(
    name="security_group",
    plural="security_groups",
    attributes=_GROUP_ATTRIBUTES,
    filterable=Filterable(kinds(store.GROUP_COLUMNS, ("stateful",), ("revision_number",)), frozenset({"shared"})),
    plain=_plain_group,
    find=store.groups,
    get=store.get,
    new=service.NewSecurityGroup,
    create=_create_groups,
    change=service.SecurityGroupChange,
    update=service.update,
    delete=service.delete,
    prepare=_prepare,
)

RULE = Resource(
    name="security_group_rule",
    plural="security_group_rules",
    attributes=_RULE_ATTRIBUTES,
    filterable=Filterable(
        kinds(store.RULE_COLUMNS, (), ("port_range_min", "port_range_max", "revision_number")),
    ),
    plain=_plain_rule,
    find=store.rules,
    get=store.rule,
    new=rule_checks.NewRule,
    create=service.create_rules,
    parents=_parents,
    delete=service.delete_rule,
    prepare=_prepare,
)

ROUTES = routes(SECURITY_GROUP) + tags.routes(SECURITY_GROUP) + routes(RULE)
