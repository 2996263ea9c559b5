"""Listing who has which role where: as granted, or as it takes effect. A constant number of statements."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from unkai.identity.model import SYSTEM, ActorKind, Assignment, Effective, Group, Project, Role, TargetKind, User
from unkai.identity.service import algebra
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import assignments as store
from unkai.identity.store import groups, projects, roles, users
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The filters of GET /v3/role_assignments. `inherited` None means both kinds."""

    role_id: str | None = None
    user_id: str | None = None
    group_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    subtree: bool = False


class Names(NamedTuple):
    """Everything that an answer with names mentions."""

    users: dict[str, User]
    groups: dict[str, Group]
    projects: dict[str, Project]
    roles: dict[str, Role]


def direct(tx: Tx, scope: Scope, asked: Question) -> list[Assignment]:
    """Assignments as they were granted."""
    actors: list[tuple[ActorKind, str]] | None = None
    if asked.user_id is not None:
        actors = [("user", asked.user_id)]
    elif asked.group_id is not None:
        actors = [("group", asked.group_id)]
    return store.find(
        tx, scope, actors=actors, targets=_targets(tx, asked), role_id=asked.role_id, inherited=asked.inherited
    )


def _targets(tx: Tx, asked: Question) -> list[tuple[TargetKind, str]] | None:
    if asked.system:
        return [("system", SYSTEM)]
    if asked.domain_id is not None:
        return [("domain", asked.domain_id)]
    if asked.project_id is not None:
        return [("project", project_id) for project_id in _projects(tx, asked.project_id, asked.subtree)]
    return None


def _projects(tx: Tx, project_id: str, subtree: bool) -> list[str]:
    below = projects.descendants(tx, EVERYWHERE, project_id) if subtree else []
    return [project_id, *(project.id for project in below)]


def effective(tx: Tx, scope: Scope, asked: Question) -> list[Effective]:
    """Assignments as they take effect: groups as their members, inherited ones on the projects below, implied roles.

    Those on the system are part of it only when the system is asked for, as upstream has it.
    """
    wanted_ids = _wanted_targets(tx, asked)
    chosen = store.find(tx, EVERYWHERE, actors=_actors(tx, asked), targets=_sources(tx, asked, wanted_ids))
    if asked.domain_id is not None:
        chosen = [one for one in chosen if not one.inherited]
    elif asked.inherited is not None:
        chosen = [one for one in chosen if one.inherited == asked.inherited]
    if not asked.system:
        chosen = [one for one in chosen if one.target_kind != "system"]
    members = groups.members(tx, EVERYWHERE, (one.actor_id for one in chosen if one.actor_kind == "group"))
    tree = algebra.Tree(projects.tree(tx, scope) if any(one.inherited for one in chosen) else ())
    known = roles.all_by_id(tx)
    found = algebra.expand(
        chosen,
        members,
        tree,
        roles.implications(tx),
        hidden=frozenset(role_id for role_id, role in known.items() if role.domain_id is not None),
        wanted=algebra.Wanted(user_id=asked.user_id, target_ids=wanted_ids, role_id=asked.role_id),
    )
    return found if scope.kind == "system" else _within(tx, scope, found)


def _actors(tx: Tx, asked: Question) -> list[tuple[ActorKind, str]] | None:
    if asked.user_id is None:
        return None
    of_groups: list[tuple[ActorKind, str]] = [
        ("group", group_id) for group_id in groups.ids_of_user(tx, EVERYWHERE, asked.user_id)
    ]
    return [("user", asked.user_id), *of_groups]


def _wanted_targets(tx: Tx, asked: Question) -> frozenset[str] | None:
    if asked.system:
        return frozenset([SYSTEM])
    if asked.domain_id is not None:
        return frozenset([asked.domain_id])
    if asked.project_id is not None:
        return frozenset(_projects(tx, asked.project_id, asked.subtree))
    return None


def _sources(tx: Tx, asked: Question, wanted: frozenset[str] | None) -> list[tuple[TargetKind, str]] | None:
    """Where assignments can be that take effect on what is wanted: there, and on everything above it."""
    if asked.system:
        return [("system", SYSTEM)]
    if asked.domain_id is not None:
        return [("domain", asked.domain_id)]
    if asked.project_id is None or wanted is None:
        return None
    own: list[tuple[TargetKind, str]] = [("project", project_id) for project_id in sorted(wanted)]
    above = projects.ancestor_ids(tx, asked.project_id)
    return [*own, *algebra.sources(("project", asked.project_id), above)]


def _within(tx: Tx, scope: Scope, found: list[Effective]) -> list[Effective]:
    """Only what is in the domain (or project) of the scope."""
    seen = projects.by_ids(tx, scope, (one.target_id for one in found))
    return [one for one in found if one.target_id in seen]


def names(tx: Tx, found: Iterable[Assignment | Effective]) -> Names:
    """Users, groups, projects, domains and roles that the assignments name, with the domains they are in."""
    rows = list(found)
    user_ids = {_user_id(row) for row in rows} - {None}
    group_ids = {row.actor_id for row in rows if isinstance(row, Assignment) and row.actor_kind == "group"}
    known_users = users.by_ids(tx, EVERYWHERE, (one for one in user_ids if one is not None))
    known_groups = groups.by_ids(tx, EVERYWHERE, group_ids)
    known_roles = roles.by_ids(tx, (row.role_id for row in rows))
    known_projects = projects.by_ids(tx, EVERYWHERE, (row.target_id for row in rows))
    wanted = {user.domain_id for user in known_users.values()} | {g.domain_id for g in known_groups.values()}
    wanted |= {role.domain_id for role in known_roles.values() if role.domain_id is not None}
    wanted |= {project.domain_id for project in known_projects.values() if project.domain_id is not None}
    known_projects |= projects.by_ids(tx, EVERYWHERE, wanted - known_projects.keys())
    return Names(known_users, known_groups, known_projects, known_roles)


def _user_id(row: Assignment | Effective) -> str | None:
    if isinstance(row, Effective):
        return row.user_id
    return row.actor_id if row.actor_kind == "user" else None
