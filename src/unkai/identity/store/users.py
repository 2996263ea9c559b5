"""Users and their passwords."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Listing, User
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import memberships, passwords, users
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

# The password in force is the newest row.
_newest = (
    sa.select(sa.func.max(passwords.c.id)).where(passwords.c.user_id == users.c.id).correlate(users).scalar_subquery()
)
_current = users.outerjoin(passwords, passwords.c.id == _newest)

_COLUMNS: Columns = {
    "id": users.c.id,
    "name": users.c.name,
    "domain_id": users.c.domain_id,
    "enabled": users.c.enabled,
    "default_project_id": users.c.default_project_id,
}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    return restrict(query, scope, sa.literal(None), users.c.domain_id)


def select_users(*more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Users with the end of their password, and more columns of the password in force."""
    return sa.select(users, passwords.c.expires_at.label("password_expires_at"), *more).select_from(_current)


def row_to_user(row: Row) -> User:
    return User(
        id=row["id"],
        name=row["name"],
        domain_id=row["domain_id"],
        enabled=row["enabled"],
        default_project_id=row["default_project_id"],
        options=row["options"],
        extra=row["extra"],
        created_at=row["created_at"],
        last_active_at=row["last_active_at"],
        password_expires_at=row["password_expires_at"],
    )


def get(tx: Tx, scope: Scope, user_id: str) -> User | None:
    row = tx.first(_limited(select_users(), scope).where(users.c.id == user_id))
    return None if row is None else row_to_user(row)


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, User]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    return {
        row["id"]: row_to_user(row) for row in tx.all(_limited(select_users(), scope).where(users.c.id.in_(wanted)))
    }


def by_name(tx: Tx, scope: Scope, name: str, domain_id: str) -> User | None:
    row = tx.first(_limited(select_users(), scope).where(users.c.name == name, users.c.domain_id == domain_id))
    return None if row is None else row_to_user(row)


def listed(tx: Tx, scope: Scope, listing: Listing, *, group_id: str | None = None) -> tuple[list[User], bool]:
    """A page of users, of one group's when `group_id` is given. The filter `password_expires_at` has a pair
    (operator, time) as its value."""
    query = _limited(select_users(), scope)
    if group_id is not None:
        query = query.join(memberships, memberships.c.user_id == users.c.id).where(memberships.c.group_id == group_id)
    for wanted in listing.filters:
        if wanted.name == "password_expires_at":
            query = query.where(_expiring(*wanted.value))
    rows, more = page(tx, query, listing, _COLUMNS, users.c.id)
    return [row_to_user(row) for row in rows], more


def _expiring(operator: str, when: datetime) -> sa.ColumnElement[bool]:
    column = passwords.c.expires_at
    conditions: dict[str, sa.ColumnElement[bool]] = {
        "lt": column < when,
        "lte": column <= when,
        "gt": column > when,
        "gte": column >= when,
        "eq": column == when,
        "neq": column != when,
    }
    return conditions[operator]


def insert(tx: Tx, user: User) -> None:
    writing.insert(
        tx,
        users,
        {
            "id": user.id,
            "name": user.name,
            "domain_id": user.domain_id,
            "enabled": user.enabled,
            "default_project_id": user.default_project_id,
            "options": user.options,
            "extra": user.extra,
            "created_at": user.created_at,
            "failed_auth_count": 0,
        },
    )


def update(tx: Tx, scope: Scope, user_id: str, **values: Any) -> None:
    if values:
        chosen = _limited(sa.select(users.c.id), scope).where(users.c.id == user_id)
        writing.execute(tx, sa.update(users).where(users.c.id.in_(chosen)).values(**values))


def delete(tx: Tx, scope: Scope, user_ids: Iterable[str]) -> None:
    chosen = _limited(sa.select(users.c.id), scope).where(users.c.id.in_(list(user_ids)))
    tx.execute(sa.delete(users).where(users.c.id.in_(chosen)))


def ids_of_domain(tx: Tx, scope: Scope, domain_id: str) -> list[str]:
    return list(tx.scalars(_limited(sa.select(users.c.id), scope).where(users.c.domain_id == domain_id)))


def forget_default_project(tx: Tx, scope: Scope, project_ids: Iterable[str]) -> None:
    chosen = _limited(sa.select(users.c.id), scope).where(users.c.default_project_id.in_(list(project_ids)))
    tx.execute(sa.update(users).where(users.c.id.in_(chosen)).values(default_project_id=None))


def set_password(
    tx: Tx,
    scope: Scope,
    user_id: str,
    hashed: str,
    *,
    now: datetime,
    expires_at: datetime | None,
    self_service: bool,
    keep: int,
) -> None:
    """Put a new password in force and keep the `keep` newest ones before it, for the rule on repetition."""
    chosen = tx.scalars(_limited(sa.select(users.c.id), scope).where(users.c.id == user_id))
    if not chosen:
        return
    old = tx.scalars(sa.select(passwords.c.id).where(passwords.c.user_id == user_id).order_by(passwords.c.id.desc()))
    writing.insert(
        tx,
        passwords,
        {
            "user_id": user_id,
            "hash": hashed,
            "created_at": now,
            "expires_at": expires_at,
            "self_service": self_service,
        },
    )
    if old[keep:]:
        tx.execute(sa.delete(passwords).where(passwords.c.id.in_(list(old[keep:]))))


def clear_passwords(tx: Tx, scope: Scope, user_id: str) -> None:
    """Without a password in force nobody can authenticate with one."""
    chosen = _limited(sa.select(users.c.id), scope).where(users.c.id == user_id)
    tx.execute(sa.delete(passwords).where(passwords.c.user_id.in_(chosen)))


def password_hashes(tx: Tx, scope: Scope, user_id: str, count: int) -> list[str]:
    """The newest hashes first."""
    chosen = _limited(sa.select(users.c.id), scope).where(users.c.id == user_id)
    query = sa.select(passwords.c.hash).where(passwords.c.user_id.in_(chosen))
    return list(tx.scalars(query.order_by(passwords.c.id.desc()).limit(count)))
