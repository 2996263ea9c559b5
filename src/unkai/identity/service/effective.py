"""The roles that a user has somewhere, and where a user has any."""

from collections.abc import Iterable

from unkai.identity.model import SYSTEM, ActorKind, KnownRoles, RoleRef
from unkai.identity.service import algebra
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.store import assignments, groups, projects, roles, validation
from unkai.kernel.store import Tx

SYSTEM_TARGET: algebra.Target = ("system", SYSTEM)


def read_roles(tx: Tx) -> KnownRoles:
    return KnownRoles(roles.all_by_id(tx), roles.implications(tx))


def known_roles(tx: Tx, identity: Identity, epoch: int) -> KnownRoles:
    """As of an epoch: every change of roles bumps it."""
    if identity.roles is None or identity.roles[0] != epoch:
        identity.roles = (epoch, read_roles(tx))
    return identity.roles[1]


def held(tx: Tx, user_id: str, target: algebra.Target) -> set[str]:
    """Roles that were given to the user or a group of the user and count on the target, before implication."""
    return validation.held_roles(tx, user_id, *target)


def in_token(known: KnownRoles, role_ids: Iterable[str]) -> tuple[RoleRef, ...]:
    """What a token carries of the roles that were given: with all they imply, those of domains left out, by name."""
    found = (known.by_id[role_id] for role_id in algebra.closure(role_ids, known.implied))
    refs = (RoleRef(role.id, role.name) for role in found if role.domain_id is None)
    return tuple(sorted(refs, key=lambda role: (role.name, role.id)))


def role_ids(tx: Tx, user_id: str, target: algebra.Target) -> set[str]:
    """Roles with everything they imply, those of domains included."""
    return algebra.closure(held(tx, user_id, target), roles.implications(tx))


def roles_on(tx: Tx, user_id: str, target: algebra.Target) -> tuple[RoleRef, ...]:
    """The roles that a token of the user on the target would carry. Three statements."""
    return in_token(read_roles(tx), held(tx, user_id, target))


def _actors(tx: Tx, user_id: str) -> list[tuple[ActorKind, str]]:
    found: list[tuple[ActorKind, str]] = [("user", user_id)]
    found += [("group", group_id) for group_id in groups.ids_of_user(tx, EVERYWHERE, user_id)]
    return found


def reachable(tx: Tx, user_id: str) -> tuple[set[str], set[str], bool]:
    """Ids of the projects and of the domains on which the user has any role that takes effect, and whether on the
    system. Five statements, however many projects there are."""
    given = assignments.find(tx, EVERYWHERE, actors=_actors(tx, user_id))
    known = read_roles(tx)
    counting = [one for one in given if in_token(known, [one.role_id])]
    found_projects = {one.target_id for one in counting if one.target_kind == "project" and not one.inherited}
    found_domains = {one.target_id for one in counting if one.target_kind == "domain" and not one.inherited}
    inherited = [one.target_id for one in counting if one.inherited]
    if inherited:
        tree = algebra.Tree(projects.tree(tx, EVERYWHERE))
        for root in inherited:
            found_projects.update(tree.below(root))
    return found_projects, found_domains, any(one.target_kind == "system" for one in counting)
