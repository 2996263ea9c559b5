"""Application credentials: a secret that stands for some of a user's roles on one project, until a time of choice."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from unkai.identity.errors import (
    AccessRuleNotFound,
    ApplicationCredentialNotFound,
    Duplicate,
    Invalid,
    LimitReached,
    Refused,
    RoleNotFound,
)
from unkai.identity.model import AccessRule, ApplicationCredential, Listing, Role, Token
from unkai.identity.service import algebra, effective, lookup, tokens
from unkai.identity.service.fields import Id, Name
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.settings import ApplicationCredentialOptions
from unkai.identity.store import application_credentials as store
from unkai.identity.store import roles
from unkai.identity.store.writing import Taken
from unkai.kernel import clock
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

Path = Annotated[str, Meta(min_length=1, max_length=225, pattern=r"^/")]


class WantedRule(msgspec.Struct, frozen=True):
    """A rule by the id of one that exists, or by its three parts."""

    id: Id | None = None
    service: Id | None = None
    path: Path | None = None
    method: Literal["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"] | None = None


class WantedRole(msgspec.Struct, frozen=True):
    """A role by id or by name."""

    id: Id | None = None
    name: Name | None = None


class NewApplicationCredential(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    description: str | None = None
    secret: str | None = None
    expires_at: str | None = None
    unrestricted: bool | None = None
    roles: list[WantedRole] | None = None
    access_rules: list[WantedRule] | None = None
    system: str | None = None


def new_secret() -> str:
    """64 random bytes in 86 letters."""
    return secrets.token_urlsafe(64)


def listed(tx: Tx, user_id: str, listing: Listing) -> tuple[list[ApplicationCredential], bool]:
    return store.of_user(tx, EVERYWHERE, user_id, listing)


def get(tx: Tx, credential_id: str) -> ApplicationCredential:
    """Raises ApplicationCredentialNotFound."""
    found = store.get(tx, EVERYWHERE, credential_id)
    if found is None:
        raise ApplicationCredentialNotFound(id=credential_id)
    return found


def role_facts(tx: Tx, found: Sequence[ApplicationCredential]) -> dict[str, Role]:
    """Every role that the credentials name. One statement."""
    return roles.by_ids(tx, (role_id for credential in found for role_id in credential.role_ids))


def create(
    tx: Tx, kit: Kit, token: Token, wanted: NewApplicationCredential, secret_hash: str
) -> ApplicationCredential:
    """Make one for the owner of a token, on the token's project, with roles that the token has.

    Raises Invalid, LimitReached, Duplicate, AccessRuleNotFound, RoleNotFound.
    """
    project_id = token.project.id if token.project is not None else ""
    identity = kit.get(Identity)
    limit = kit.settings[ApplicationCredentialOptions].user_limit
    if limit >= 0 and store.count(tx, EVERYWHERE, token.user.id) >= limit:
        raise LimitReached(kind="application credentials", limit=limit)
    rules = None
    if wanted.access_rules is not None:
        rules = tuple(_rule(tx, token.user.id, rule) for rule in wanted.access_rules)
    new = ApplicationCredential(
        id=new_hex(),
        name=wanted.name,
        user_id=token.user.id,
        project_id=project_id,
        description=wanted.description,
        expires_at=_expiry(wanted.expires_at, identity.now()),
        unrestricted=wanted.unrestricted is True,
        role_ids=tuple(sorted(_role_ids(tx, token, wanted.roles))),
        access_rules=rules,
        secret_hash=secret_hash,
        system=wanted.system,
    )
    held = effective.role_ids(tx, token.user.id, ("project", project_id))
    if not held.issuperset(new.role_ids):
        raise Invalid(reason="Invalid application credential: Could not find role assignment for every role")
    try:
        store.insert(tx, new)
    except Taken as error:
        raise Duplicate(kind="application_credential", reason="Duplicate entry") from error
    return new


def _expiry(text: str | None, now: datetime) -> datetime | None:
    """Raises Invalid for what is no time and for the past."""
    if not text:
        return None
    try:
        when = clock.parse(text)
    except ValueError as error:
        raise Invalid(reason="Timestamp not in expected format.") from error
    if when <= now:
        raise Invalid(reason="The 'expires_at' must not be before now.")
    return when


def _role_ids(tx: Tx, token: Token, wanted: Sequence[WantedRole] | None) -> set[str]:
    """The roles asked for with all they imply, or those of the token. Raises Invalid, RoleNotFound."""
    held = {role.id for role in token.roles}
    if not wanted:
        return held
    chosen: set[str] = set()
    for role in wanted:
        if role.id is None and role.name is None:
            raise Invalid(reason="Invalid input for field 'roles': id or name must be present.")
        found = lookup.role(tx, role.id) if role.id is not None else roles.by_name(tx, role.name or "")
        if found is None:
            raise RoleNotFound(id=role.name)
        chosen.add(found.id)
    chosen = algebra.closure(chosen, roles.implications(tx))
    if not chosen <= held:
        raise Invalid(
            reason="Invalid application credential: Cannot create an application credential with unassigned role"
        )
    return chosen


def _rule(tx: Tx, user_id: str, wanted: WantedRule) -> AccessRule:
    """The rule that exists already, or a new one. Raises AccessRuleNotFound, Invalid."""
    if wanted.id is not None:
        return rule(tx, user_id, wanted.id)
    if wanted.service is None or wanted.path is None or wanted.method is None:
        raise Invalid(reason="Invalid input for field 'access_rules': service, path and method are required.")
    known, _ = store.rules_of_user(tx, user_id, Listing())
    for one in known:
        if (one.service, one.path, one.method) == (wanted.service, wanted.path, wanted.method):
            return one
    new = AccessRule(new_hex(), wanted.service, wanted.path, wanted.method)
    store.insert_rule(tx, user_id, new)
    return new


def delete(tx: Tx, kit: Kit, credential_id: str) -> None:
    """Its tokens end with it. Raises ApplicationCredentialNotFound."""
    get(tx, credential_id)
    store.delete(tx, EVERYWHERE, [credential_id])
    tokens.revoke(tx, kit, "credential", credential_id)


def rules_of_user(tx: Tx, user_id: str, listing: Listing) -> tuple[list[AccessRule], bool]:
    return store.rules_of_user(tx, user_id, listing)


def rule(tx: Tx, user_id: str, rule_id: str) -> AccessRule:
    """Raises AccessRuleNotFound."""
    found = store.rule(tx, user_id, rule_id)
    if found is None:
        raise AccessRuleNotFound(id=rule_id)
    return found


def delete_rule(tx: Tx, user_id: str, rule_id: str) -> None:
    """Raises AccessRuleNotFound, Refused while a credential uses it."""
    rule(tx, user_id, rule_id)
    if store.rule_in_use(tx, rule_id):
        raise Refused(reason=f"May not delete access rule in use: {rule_id}")
    store.delete_rule(tx, user_id, rule_id)
