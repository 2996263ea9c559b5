"""What goes away together with a user, a group, a project or a role. Rooms of other services keep their own rows."""

from collections.abc import Sequence

from unkai.identity.service import tokens
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import (
    application_credentials,
    assignments,
    credentials,
    groups,
    limits,
    roles,
    users,
)
from unkai.identity.store import tokens as token_store
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx


def projects(tx: Tx, project_ids: Sequence[str]) -> None:
    """Roles on the projects (or domains), credentials bound to them, and limits. Tokens are the caller's to revoke."""
    assignments.delete_on_targets(tx, EVERYWHERE, [("project", project_id) for project_id in project_ids])
    assignments.delete_on_targets(tx, EVERYWHERE, [("domain", project_id) for project_id in project_ids])
    application_credentials.delete_where(tx, EVERYWHERE, project_ids=project_ids)
    credentials.delete_where(tx, EVERYWHERE, project_ids=project_ids)
    limits.delete_of(tx, EVERYWHERE, project_ids)
    users.forget_default_project(tx, EVERYWHERE, project_ids)


def domain_contents(tx: Tx, kit: Kit, domain_id: str) -> None:
    """Users, groups and roles of a domain with all they have, and every token of its users or on its projects."""
    user_ids = users.ids_of_domain(tx, EVERYWHERE, domain_id)
    group_ids = groups.ids_of_domain(tx, EVERYWHERE, domain_id)
    of_users(tx, user_ids)
    users.delete(tx, EVERYWHERE, user_ids)
    assignments.delete_of_actors(tx, EVERYWHERE, [("group", group_id) for group_id in group_ids])
    groups.delete(tx, EVERYWHERE, group_ids)
    roles.delete(tx, roles.ids_of_domain(tx, domain_id))
    tokens.revoke(tx, kit, "domain", domain_id)


def of_users(tx: Tx, user_ids: Sequence[str]) -> None:
    """Roles and credentials of users that are about to be deleted. Tokens are the caller's to revoke."""
    assignments.delete_of_actors(tx, EVERYWHERE, [("user", user_id) for user_id in user_ids])
    application_credentials.delete_where(tx, EVERYWHERE, user_ids=user_ids)
    credentials.delete_where(tx, EVERYWHERE, user_ids=user_ids)


def of_disabled_user(tx: Tx, kit: Kit, user_id: str) -> None:
    """A disabled user loses application credentials and tokens for good; roles stay."""
    application_credentials.delete_where(tx, EVERYWHERE, user_ids=[user_id])
    tokens.revoke(tx, kit, "user", user_id)


def of_group(tx: Tx, kit: Kit, group_id: str) -> None:
    """Roles of a group that is about to be deleted, and the tokens of its members when it had any."""
    had = assignments.find(tx, EVERYWHERE, actors=[("group", group_id)])
    if had:
        for user_id in groups.members(tx, EVERYWHERE, [group_id]).get(group_id, []):
            tokens.revoke(tx, kit, "user", user_id)
    assignments.delete_of_actors(tx, EVERYWHERE, [("group", group_id)])
    token_store.bump(tx)


def of_role(tx: Tx, role_id: str) -> None:
    """Application credentials of users who lose a role on a project do not outlive it."""
    for held in assignments.find(tx, EVERYWHERE, role_id=role_id, target_kind="project"):
        if held.actor_kind == "user":
            application_credentials.delete_where(
                tx, EVERYWHERE, user_ids=[held.actor_id], project_ids=[held.target_id]
            )
    token_store.bump(tx)
