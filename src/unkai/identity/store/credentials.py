"""Credentials of users (EC2, TOTP, certificates...). What they hold is encrypted before it gets here."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Listing
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import credentials
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

_COLUMNS: Columns = {"id": credentials.c.id, "user_id": credentials.c.user_id, "type": credentials.c.type}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    return restrict(query, scope, credentials.c.project_id)


def get(tx: Tx, scope: Scope, credential_id: str) -> Row | None:
    return tx.first(_limited(sa.select(credentials), scope).where(credentials.c.id == credential_id))


def listed(tx: Tx, scope: Scope, listing: Listing, *, user_id: str | None = None) -> tuple[list[Row], bool]:
    """A page of credentials, of those of one user when `user_id` is given."""
    query = _limited(sa.select(credentials), scope)
    if user_id is not None:
        query = query.where(credentials.c.user_id == user_id)
    rows, more = page(tx, query, listing, _COLUMNS, credentials.c.id)
    return list(rows), more


def count(tx: Tx, scope: Scope, user_id: str) -> int:
    return len(tx.scalars(_limited(sa.select(credentials.c.id), scope).where(credentials.c.user_id == user_id)))


def insert(tx: Tx, values: dict[str, Any]) -> None:
    """Raises Taken."""
    writing.insert(tx, credentials, values)


def update(tx: Tx, scope: Scope, credential_id: str, **values: Any) -> None:
    chosen = _limited(sa.select(credentials.c.id), scope).where(credentials.c.id == credential_id)
    tx.execute(sa.update(credentials).where(credentials.c.id.in_(chosen)).values(**values))


def delete(tx: Tx, scope: Scope, credential_id: str) -> None:
    chosen = _limited(sa.select(credentials.c.id), scope).where(credentials.c.id == credential_id)
    tx.execute(sa.delete(credentials).where(credentials.c.id.in_(chosen)))


def delete_where(
    tx: Tx, scope: Scope, *, user_ids: Iterable[str] | None = None, project_ids: Iterable[str] | None = None
) -> None:
    """Delete what belongs to one of the users and to one of the projects, of those that are given."""
    chosen = _limited(sa.select(credentials.c.id), scope)
    if user_ids is not None:
        chosen = chosen.where(credentials.c.user_id.in_(list(user_ids)))
    if project_ids is not None:
        chosen = chosen.where(credentials.c.project_id.in_(list(project_ids)))
    tx.execute(sa.delete(credentials).where(credentials.c.id.in_(chosen)))
