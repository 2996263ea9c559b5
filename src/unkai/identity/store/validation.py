"""The statements behind a token, built once at load: putting one together costs more than asking it.

They run at every login and whenever a cache is stale. No scope: the room asks for itself, before there is a caller.
"""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from unkai.identity.model import Login, Project, TargetKind, User
from unkai.identity.store.listing import Row
from unkai.identity.store.projects import row_to_project
from unkai.identity.store.tables import assignments, memberships, passwords, projects, revocations, users
from unkai.identity.store.users import row_to_user, select_users
from unkai.kernel.store import Tx

_USER = select_users().where(users.c.id == sa.bindparam("user_id"))
_LOGIN = select_users(passwords.c.hash, passwords.c.created_at.label("password_created_at"), passwords.c.self_service)
_LOGIN_BY_ID = _LOGIN.where(users.c.id == sa.bindparam("user_id"))
_LOGIN_BY_NAME = _LOGIN.where(users.c.name == sa.bindparam("name"), users.c.domain_id == sa.bindparam("domain_id"))
_PLACE_BY_NAME = sa.select(projects).where(
    projects.c.name == sa.bindparam("name"), projects.c.domain_id == sa.bindparam("domain_id")
)
_PLACES = sa.select(projects).where(projects.c.id.in_(sa.bindparam("ids", expanding=True)))
_REVOKED = sa.select(revocations.c.kind, revocations.c.subject).where(
    revocations.c.subject.in_(sa.bindparam("subjects", expanding=True)),
    revocations.c.issued_before >= sa.bindparam("issued_at"),
)


def _held() -> sa.Select[tuple[str]]:
    """Roles given to the user or to a group of the user: on the target itself, or inherited from above it."""
    above = (
        sa.select(projects.c.parent_id).where(projects.c.id == sa.bindparam("target_id")).cte("above", recursive=True)
    )
    above = above.union_all(sa.select(projects.c.parent_id).where(projects.c.id == above.c.parent_id))
    own_groups = sa.select(memberships.c.group_id).where(memberships.c.user_id == sa.bindparam("user_id"))
    actor = sa.or_(
        sa.and_(assignments.c.actor_kind == "user", assignments.c.actor_id == sa.bindparam("user_id")),
        sa.and_(assignments.c.actor_kind == "group", assignments.c.actor_id.in_(own_groups)),
    )
    target = sa.or_(
        sa.and_(
            assignments.c.target_kind == sa.bindparam("target_kind"),
            assignments.c.target_id == sa.bindparam("target_id"),
            assignments.c.inherited.is_(False),
        ),
        sa.and_(
            assignments.c.target_kind.in_(("project", "domain")),
            assignments.c.target_id.in_(sa.select(above.c.parent_id)),
            assignments.c.inherited.is_(True),
        ),
    )
    return sa.select(assignments.c.role_id).distinct().where(actor, target)


_HELD = _held()


def user(tx: Tx, user_id: str) -> User | None:
    row = tx.first(_USER, {"user_id": user_id})
    return None if row is None else row_to_user(row)


def _login(row: Row | None) -> Login | None:
    if row is None:
        return None
    return Login(
        user=row_to_user(row),
        password_hash=row["hash"],
        password_created_at=row["password_created_at"],
        password_self_service=bool(row["self_service"]),
        failed_auth_count=row["failed_auth_count"],
        failed_auth_at=row["failed_auth_at"],
    )


def login(tx: Tx, user_id: str) -> Login | None:
    """A user with the password hash in force and the count of failures."""
    return _login(tx.first(_LOGIN_BY_ID, {"user_id": user_id}))


def login_by_name(tx: Tx, name: str, domain_id: str) -> Login | None:
    return _login(tx.first(_LOGIN_BY_NAME, {"name": name, "domain_id": domain_id}))


def place(tx: Tx, project_id: str) -> Project | None:
    """A project or domain without its tags."""
    return places(tx, [project_id]).get(project_id)


def place_by_name(tx: Tx, name: str, domain_id: str | None) -> Project | None:
    """The project of that name in a domain, or with `domain_id` None the domain of that name; without its tags."""
    row = tx.first(_PLACE_BY_NAME, {"name": name, "domain_id": domain_id or ""})
    return None if row is None else row_to_project(row)


def places(tx: Tx, ids: Iterable[str]) -> dict[str, Project]:
    """Projects and domains without their tags, in one statement."""
    return {row["id"]: row_to_project(row) for row in tx.all(_PLACES, {"ids": list(ids)})}


def held_roles(tx: Tx, user_id: str, target_kind: TargetKind, target_id: str) -> set[str]:
    """Ids of the roles that count for a user on a target, before implication. One statement."""
    values = {"user_id": user_id, "target_kind": target_kind, "target_id": target_id}
    return set(tx.scalars(_HELD, values))


def is_revoked(tx: Tx, subjects: Iterable[tuple[str, str]], issued_at: datetime) -> bool:
    """Whether any revocation names one of the (kind, subject) pairs and came after the token was issued."""
    wanted = set(subjects)
    found = tx.all(_REVOKED, {"subjects": [subject for _, subject in wanted], "issued_at": issued_at})
    return any((row["kind"], row["subject"]) in wanted for row in found)
