"""Giving roles to users and groups on projects, domains and the system, and taking them away."""

from unkai.identity.errors import AssignmentNotFound, GroupNotFound, Invalid, Refused, UserNotFound
from unkai.identity.model import SYSTEM, ActorKind, Assignment, Role, TargetKind
from unkai.identity.service import lookup
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import assignments as store
from unkai.identity.store import roles
from unkai.identity.store import tokens as token_store
from unkai.kernel.store import Tx


def facts(
    tx: Tx,
    *,
    actor_kind: ActorKind,
    actor_id: str,
    target_kind: TargetKind,
    target_id: str,
    role_id: str | None = None,
    actor_may_be_gone: bool = False,
) -> dict[str, str | None]:
    """What policy rules look at: domains of role, actor and target. Raises the not-found error of what is missing."""
    found: dict[str, str | None] = {}
    if role_id is not None:
        role = lookup.role(tx, role_id)
        found |= {"target.role.id": role.id, "target.role.name": role.name, "target.role.domain_id": role.domain_id}
    try:
        actor = lookup.user(tx, actor_id) if actor_kind == "user" else lookup.group(tx, actor_id)
        found |= {f"target.{actor_kind}.id": actor.id, f"target.{actor_kind}.domain_id": actor.domain_id}
    except (UserNotFound, GroupNotFound):
        # Roles of actors that live elsewhere (a directory) can outlive them and must be removable.
        if not actor_may_be_gone:
            raise
    if target_kind == "domain":
        found["target.domain.id"] = lookup.domain(tx, target_id).id
    elif target_kind == "project":
        project = lookup.project(tx, target_id)
        found |= {"target.project.id": project.id, "target.project.domain_id": project.domain_id}
    return found


def grant(tx: Tx, wanted: Assignment) -> None:
    """Raises RoleNotFound; for a domain's role Refused on another domain's project and Invalid on the system."""
    role = lookup.role(tx, wanted.role_id)
    if role.domain_id is not None:
        if wanted.target_kind == "system":
            raise Invalid(
                reason=f"Role {role.id} is a domain-specific role. Unable to use a domain-specific role in a system "
                "assignment."
            )
        if wanted.target_kind == "project" and lookup.project(tx, wanted.target_id).domain_id != role.domain_id:
            raise Refused(
                reason=f"Project {wanted.target_id} must be in the same domain as the role {role.id} being assigned."
            )
    store.insert(tx, wanted)
    token_store.bump(tx)


def check(tx: Tx, wanted: Assignment) -> None:
    """Raises RoleNotFound, AssignmentNotFound."""
    lookup.role(tx, wanted.role_id)
    if not store.exists(tx, EVERYWHERE, wanted):
        raise _missing(wanted)


def revoke(tx: Tx, wanted: Assignment) -> None:
    """Take a role away; tokens follow at their next use. Raises RoleNotFound, AssignmentNotFound."""
    lookup.role(tx, wanted.role_id)
    if not store.delete(tx, EVERYWHERE, wanted):
        raise _missing(wanted)
    token_store.bump(tx)


def _missing(wanted: Assignment) -> AssignmentNotFound:
    return AssignmentNotFound(
        role_id=wanted.role_id,
        actor_id=wanted.actor_id,
        target_id="system" if wanted.target_id == SYSTEM else wanted.target_id,
    )


def held(
    tx: Tx, actor_kind: ActorKind, actor_id: str, target_kind: TargetKind, target_id: str, *, inherited: bool
) -> list[Role]:
    """The roles an actor was given directly on a target, by name."""
    found = store.find(
        tx, EVERYWHERE, actors=[(actor_kind, actor_id)], targets=[(target_kind, target_id)], inherited=inherited
    )
    known = roles.by_ids(tx, (assignment.role_id for assignment in found))
    return sorted(known.values(), key=lambda role: role.name)
