"""Application credentials and the access rules that limit them. They belong to users."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import AccessRule, ApplicationCredential, Listing
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import (
    access_rules,
    application_credential_roles,
    application_credential_rules,
    application_credentials,
)
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

_COLUMNS: Columns = {"id": application_credentials.c.id, "name": application_credentials.c.name}
_RULE_COLUMNS: Columns = {
    "id": access_rules.c.id,
    "service": access_rules.c.service,
    "path": access_rules.c.path,
    "method": access_rules.c.method,
}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    return restrict(query, scope, application_credentials.c.project_id)


def _rule(row: Row) -> AccessRule:
    return AccessRule(row["id"], row["service"], row["path"], row["method"])


def _load(tx: Tx, rows: Sequence[Row]) -> list[ApplicationCredential]:
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    role_rows = tx.all(
        sa.select(application_credential_roles).where(
            application_credential_roles.c.application_credential_id.in_(ids)
        )
    )
    role_ids: dict[str, list[str]] = {}
    for row in role_rows:
        role_ids.setdefault(row["application_credential_id"], []).append(row["role_id"])
    rules: dict[str, list[AccessRule]] = {}
    if any(row["restricted_paths"] for row in rows):
        link = application_credential_rules
        query = sa.select(link.c.application_credential_id, access_rules).join(
            link, link.c.access_rule_id == access_rules.c.id
        )
        for row in tx.all(query.where(link.c.application_credential_id.in_(ids)).order_by(access_rules.c.path)):
            rules.setdefault(row["application_credential_id"], []).append(_rule(row))
    return [
        ApplicationCredential(
            id=row["id"],
            name=row["name"],
            user_id=row["user_id"],
            project_id=row["project_id"],
            description=row["description"],
            expires_at=row["expires_at"],
            unrestricted=row["unrestricted"],
            role_ids=tuple(sorted(role_ids.get(row["id"], ()))),
            access_rules=tuple(rules.get(row["id"], ())) if row["restricted_paths"] else None,
            secret_hash=row["secret_hash"],
            system=row["system"],
        )
        for row in rows
    ]


def get(tx: Tx, scope: Scope, credential_id: str) -> ApplicationCredential | None:
    query = sa.select(application_credentials).where(application_credentials.c.id == credential_id)
    found = _load(tx, tx.all(_limited(query, scope)))
    return found[0] if found else None


def of_user(tx: Tx, scope: Scope, user_id: str, listing: Listing) -> tuple[list[ApplicationCredential], bool]:
    query = sa.select(application_credentials).where(application_credentials.c.user_id == user_id)
    rows, more = page(tx, _limited(query, scope), listing, _COLUMNS, application_credentials.c.id)
    return _load(tx, rows), more


def count(tx: Tx, scope: Scope, user_id: str) -> int:
    query = _limited(sa.select(application_credentials.c.id), scope)
    return len(tx.scalars(query.where(application_credentials.c.user_id == user_id)))


def insert(tx: Tx, credential: ApplicationCredential) -> None:
    """Its access rules are there already."""
    writing.insert(
        tx,
        application_credentials,
        {
            "id": credential.id,
            "name": credential.name,
            "user_id": credential.user_id,
            "project_id": credential.project_id,
            "secret_hash": credential.secret_hash,
            "description": credential.description,
            "expires_at": credential.expires_at,
            "unrestricted": credential.unrestricted,
            "system": credential.system,
            "restricted_paths": credential.access_rules is not None,
        },
    )
    owner = {"application_credential_id": credential.id}
    if credential.role_ids:
        tx.execute(
            sa.insert(application_credential_roles), [owner | {"role_id": role_id} for role_id in credential.role_ids]
        )
    if credential.access_rules:
        tx.execute(
            sa.insert(application_credential_rules),
            [owner | {"access_rule_id": rule.id} for rule in dict.fromkeys(credential.access_rules)],
        )


def delete(tx: Tx, scope: Scope, credential_ids: Iterable[str]) -> None:
    chosen = _limited(sa.select(application_credentials.c.id), scope).where(
        application_credentials.c.id.in_(list(credential_ids))
    )
    tx.execute(sa.delete(application_credentials).where(application_credentials.c.id.in_(chosen)))


def delete_where(
    tx: Tx, scope: Scope, *, user_ids: Iterable[str] | None = None, project_ids: Iterable[str] | None = None
) -> None:
    """Delete what belongs to one of the users and to one of the projects, of those that are given."""
    chosen = _limited(sa.select(application_credentials.c.id), scope)
    if user_ids is not None:
        chosen = chosen.where(application_credentials.c.user_id.in_(list(user_ids)))
    if project_ids is not None:
        chosen = chosen.where(application_credentials.c.project_id.in_(list(project_ids)))
    tx.execute(sa.delete(application_credentials).where(application_credentials.c.id.in_(chosen)))


def rules_of_user(tx: Tx, user_id: str, listing: Listing) -> tuple[list[AccessRule], bool]:
    query = sa.select(access_rules).where(access_rules.c.user_id == user_id)
    rows, more = page(tx, query, listing, _RULE_COLUMNS, access_rules.c.id)
    return [_rule(row) for row in rows], more


def rule(tx: Tx, user_id: str, rule_id: str) -> AccessRule | None:
    row = tx.first(sa.select(access_rules).where(access_rules.c.user_id == user_id, access_rules.c.id == rule_id))
    return None if row is None else _rule(row)


def insert_rule(tx: Tx, user_id: str, new: AccessRule) -> None:
    writing.insert(
        tx,
        access_rules,
        {
            "id": new.id,
            "user_id": user_id,
            "service": new.service,
            "path": new.path,
            "method": new.method,
        },
    )


def rule_in_use(tx: Tx, rule_id: str) -> bool:
    link = application_credential_rules
    return tx.first(sa.select(link.c.access_rule_id).where(link.c.access_rule_id == rule_id).limit(1)) is not None


def delete_rule(tx: Tx, user_id: str, rule_id: str) -> None:
    tx.execute(sa.delete(access_rules).where(access_rules.c.user_id == user_id, access_rules.c.id == rule_id))
