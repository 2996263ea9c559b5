"""Get a thing by its id, or raise what upstream answers when it is not there."""

from unkai.identity.errors import DomainNotFound, GroupNotFound, ProjectNotFound, RoleNotFound, UserNotFound
from unkai.identity.model import Group, Project, Role, User
from unkai.identity.store import groups, projects, roles, users
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx

EVERYWHERE = Scope.system()


def project(tx: Tx, project_id: str, scope: Scope = EVERYWHERE) -> Project:
    """A project or a domain acting as one. Raises ProjectNotFound."""
    found = projects.get(tx, scope, project_id)
    if found is None:
        raise ProjectNotFound(id=project_id)
    return found


def domain(tx: Tx, domain_id: str, scope: Scope = EVERYWHERE) -> Project:
    """Raises DomainNotFound."""
    found = projects.get(tx, scope, domain_id)
    if found is None or not found.is_domain:
        raise DomainNotFound(id=domain_id)
    return found


def user(tx: Tx, user_id: str, scope: Scope = EVERYWHERE) -> User:
    """Raises UserNotFound."""
    found = users.get(tx, scope, user_id)
    if found is None:
        raise UserNotFound(id=user_id)
    return found


def group(tx: Tx, group_id: str, scope: Scope = EVERYWHERE) -> Group:
    """Raises GroupNotFound."""
    found = groups.get(tx, scope, group_id)
    if found is None:
        raise GroupNotFound(id=group_id)
    return found


def role(tx: Tx, role_id: str) -> Role:
    """Raises RoleNotFound."""
    found = roles.get(tx, role_id)
    if found is None:
        raise RoleNotFound(id=role_id)
    return found
