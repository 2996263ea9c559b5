"""The roles that a user has somewhere, and where a user has any."""

from unkai.identity.model import SYSTEM, ActorKind, Assignment, RoleRef
from unkai.identity.service import algebra
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import assignments, groups, projects, roles
from unkai.kernel.store import Tx

SYSTEM_TARGET: algebra.Target = ("system", SYSTEM)


def _actors(tx: Tx, user_id: str) -> list[tuple[ActorKind, str]]:
    found: list[tuple[ActorKind, str]] = [("user", user_id)]
    found += [("group", group_id) for group_id in groups.ids_of_user(tx, EVERYWHERE, user_id)]
    return found


def _held(tx: Tx, user_id: str, target: algebra.Target) -> list[Assignment]:
    """Every assignment that takes effect for the user on the target. Three statements."""
    above = projects.ancestor_ids(tx, target[1]) if target[0] == "project" else []
    targets = (target, *algebra.sources(target, above))
    held = assignments.find(tx, EVERYWHERE, actors=_actors(tx, user_id), targets=targets)
    return [assignment for assignment in held if algebra.counts_on(assignment, target, above)]


def role_ids(tx: Tx, user_id: str, target: algebra.Target) -> set[str]:
    """Roles with everything they imply, those of domains included."""
    return algebra.closure((held.role_id for held in _held(tx, user_id, target)), roles.implications(tx))


def roles_on(tx: Tx, user_id: str, target: algebra.Target) -> tuple[RoleRef, ...]:
    """The roles that a token of the user on the target carries, by name. A constant number of statements."""
    found = roles.by_ids(tx, role_ids(tx, user_id, target)).values()
    refs = (RoleRef(role.id, role.name) for role in found if role.domain_id is None)
    return tuple(sorted(refs, key=lambda role: (role.name, role.id)))


def reachable(tx: Tx, user_id: str) -> tuple[set[str], set[str], bool]:
    """Ids of the projects and of the domains on which the user has any role that takes effect, and whether on the
    system. Five statements, however many projects there are."""
    held = assignments.find(tx, EVERYWHERE, actors=_actors(tx, user_id))
    implied = roles.implications(tx)
    ordinary = {role_id for role_id, role in roles.all_by_id(tx).items() if role.domain_id is None}
    counting = [one for one in held if algebra.closure([one.role_id], implied) & ordinary]
    found_projects = {one.target_id for one in counting if one.target_kind == "project" and not one.inherited}
    found_domains = {one.target_id for one in counting if one.target_kind == "domain" and not one.inherited}
    inherited = [one.target_id for one in counting if one.inherited]
    if inherited:
        tree = algebra.Tree(projects.tree(tx, EVERYWHERE))
        for root in inherited:
            found_projects.update(tree.below(root))
    return found_projects, found_domains, any(one.target_kind == "system" for one in counting)
