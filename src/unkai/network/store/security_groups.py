"""Security groups, their rules, and which group is a project's default."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx
from unkai.network.errors import SecurityGroupNotFound, SecurityGroupRuleNotFound
from unkai.network.model import EVERYTHING, Listing, SecurityGroup, SecurityGroupRule
from unkai.network.store import common, listing
from unkai.network.store import tables as t

_g = t.security_groups.c
_r = t.rules.c

GROUP_COLUMNS: dict[str, sa.ColumnElement[Any]] = {**listing.standard(t.security_groups), "stateful": _g.stateful}
RULE_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    **listing.standard(t.rules),
    **{
        name: _r[name]
        for name in (
            "security_group_id",
            "direction",
            "ethertype",
            "protocol",
            "port_range_min",
            "port_range_max",
            "remote_ip_prefix",
            "normalized_cidr",
            "remote_group_id",
        )
    },
}


def groups(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[SecurityGroup]:
    rows = listing.rows(
        tx,
        restrict(sa.select(t.security_groups), scope, _g.project_id),
        wanted,
        GROUP_COLUMNS,
        listing.tag_filters(_g.id) | {"shared": _not_shared},
        lambda id: SecurityGroupNotFound(id=id),
    )
    return _build(tx, rows)


def _not_shared(values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Groups belong to one project: asked for shared ones there are none."""
    return sa.true() if any(str(value).lower() in ("false", "0") for value in values) else sa.false()


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, SecurityGroup]:
    query = restrict(sa.select(t.security_groups).where(_g.id.in_(list(ids))), scope, _g.project_id)
    return {group.id: group for group in _build(tx, tx.all(query))}


def get(tx: Tx, scope: Scope, id: str) -> SecurityGroup:
    """Raises SecurityGroupNotFound."""
    found = by_ids(tx, scope, [id])
    if id not in found:
        raise SecurityGroupNotFound(id=id)
    return found[id]


def named(tx: Tx, scope: Scope, project_id: str, name: str) -> list[str]:
    """Ids of a project's groups of a name."""
    query = sa.select(_g.id).where(_g.project_id == project_id, _g.name == name)
    return list(tx.scalars(restrict(query, scope, _g.project_id)))


def default_group(tx: Tx, project_id: str) -> str | None:
    default = t.default_groups.c
    found: str | None = tx.scalar(sa.select(default.security_group_id).where(default.project_id == project_id))
    return found


def set_default(tx: Tx, project_id: str, group_id: str) -> None:
    tx.execute(sa.insert(t.default_groups).values(project_id=project_id, security_group_id=group_id))


def in_use(tx: Tx, id: str) -> bool:
    """Whether a port carries the group."""
    group = t.port_groups.c
    return tx.scalar(sa.select(group.port_id).where(group.security_group_id == id).limit(1)) is not None


def referring(tx: Tx, id: str) -> list[str]:
    """Ids of other groups with a rule for this remote group."""
    query = sa.select(_r.security_group_id).where(_r.remote_group_id == id, _r.security_group_id != id).distinct()
    return list(tx.scalars(query))


def rules(tx: Tx, scope: Scope, wanted: Listing = EVERYTHING) -> list[SecurityGroupRule]:
    rows = listing.rows(
        tx,
        restrict(sa.select(t.rules), scope, _r.project_id),
        wanted,
        RULE_COLUMNS,
        listing.tag_filters(_r.id),
        lambda id: SecurityGroupRuleNotFound(id=id),
    )
    return _rules(tx, rows)


def rule(tx: Tx, scope: Scope, id: str) -> SecurityGroupRule:
    """Raises SecurityGroupRuleNotFound."""
    rows = tx.all(restrict(sa.select(t.rules).where(_r.id == id), scope, _r.project_id))
    if not rows:
        raise SecurityGroupRuleNotFound(id=id)
    return _rules(tx, rows)[0]


def rules_of(tx: Tx, group_ids: Iterable[str]) -> dict[str, list[SecurityGroupRule]]:
    """Rules by group, oldest first."""
    rows = tx.all(sa.select(t.rules).where(_r.security_group_id.in_(list(group_ids))).order_by(_r.created_at, _r.id))
    found: dict[str, list[SecurityGroupRule]] = {}
    for one in _rules(tx, rows):
        found.setdefault(one.security_group_id, []).append(one)
    return found


def names_by_ports(tx: Tx, port_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """(id, name) of each port's groups."""
    member = t.port_groups.c
    rows = tx.all(
        sa.select(member.port_id, _g.id, _g.name)
        .join_from(t.port_groups, t.security_groups, member.security_group_id == _g.id)
        .where(member.port_id.in_(list(port_ids)))
        .order_by(_g.name, _g.id)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["port_id"], []).append((row["id"], row["name"]))
    return found


def _rules(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[SecurityGroupRule]:
    if not rows:
        return []
    tags = common.tags_of(tx, [row["id"] for row in rows])
    return [SecurityGroupRule(**row, tags=tags.get(row["id"], [])) for row in rows]


def _build(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[SecurityGroup]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    tags = common.tags_of(tx, ids)
    theirs = rules_of(tx, ids)
    return [
        SecurityGroup(**row, security_group_rules=theirs.get(row["id"], []), tags=tags.get(row["id"], []))
        for row in rows
    ]


def insert(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.security_groups, values)


def update(tx: Tx, id: str, values: dict[str, Any]) -> None:
    common.update(tx, t.security_groups, id, values)


def delete(tx: Tx, id: str) -> None:
    """Delete a group with its rules, and the rules of others that name it."""
    tx.execute(sa.delete(t.rules).where(sa.or_(_r.security_group_id == id, _r.remote_group_id == id)))
    tx.execute(sa.delete(t.default_groups).where(t.default_groups.c.security_group_id == id))
    common.delete(tx, t.security_groups, id)


def insert_rule(tx: Tx, values: dict[str, Any]) -> None:
    common.insert(tx, t.rules, values)
    common.touch(tx, t.security_groups, values["security_group_id"])


def delete_rule(tx: Tx, one: SecurityGroupRule) -> None:
    common.delete(tx, t.rules, one.id)
    common.touch(tx, t.security_groups, one.security_group_id)
