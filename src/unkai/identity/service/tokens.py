"""Issuing, validating and revoking tokens.

A token that was validated once costs a look into a dictionary and a comparison of
epochs afterwards; whatever could change what it is worth bumps the epoch in its
own transaction, so the very next request looks again.
"""

from datetime import datetime, timedelta

import msgspec

from unkai.identity.errors import TokenNotFound
from unkai.identity.model import Project, RoleRef, Token, User
from unkai.identity.service import algebra, effective, keyring, payload
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity, Validated
from unkai.identity.service.payload import Payload
from unkai.identity.settings import TokenOptions
from unkai.identity.store import application_credentials, validation
from unkai.identity.store import tokens as store
from unkai.kernel import log
from unkai.kernel.columns import from_micros
from unkai.kernel.context import AccessRule, Context
from unkai.kernel.errors import Unauthorized
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

_log = log.get(__name__)


async def authenticate(kit: Kit, token: str) -> Context:
    """The caller behind a token. Raises Unauthorized."""
    try:
        return (await validate(kit, token)).context
    except TokenNotFound as error:
        raise Unauthorized from error


async def validate(kit: Kit, token_id: str, *, window: int = 0) -> Validated:
    """A token that is ours, not expired (or not longer than `window` seconds ago) and not revoked.

    Raises TokenNotFound.
    """
    identity = kit.get(Identity)
    epoch = await identity.epoch.value()
    found = identity.cache.get(token_id, epoch)
    if found is None:
        found = await kit.db.read(_load, identity, token_id, epoch)
        identity.cache.put(token_id, found)
    if found.expires + window <= identity.seconds():
        raise TokenNotFound
    return found


def _load(tx: Tx, identity: Identity, token_id: str, epoch: int) -> Validated:
    if len(token_id) > 1024:
        raise TokenNotFound
    try:
        ring = keyring.ring(tx, identity, "token", epoch)
    except LookupError as error:
        raise TokenNotFound from error
    content = payload.open_sealed(token_id, ring)
    token = describe(tx, identity, content, token_id, epoch)
    if validation.is_revoked(tx, _subjects(token, content), token.issued_at):
        raise TokenNotFound
    return validated(token, epoch)


def validated(token: Token, epoch: int) -> Validated:
    return Validated(token, _context(token), token.expires_at.timestamp(), epoch)


def seal(tx: Tx, identity: Identity, content: Payload, epoch: int) -> str:
    return payload.seal(content, keyring.ring(tx, identity, "token", epoch))


def _refuse(why: str, **facts: str | None) -> TokenNotFound:
    """The log names the cause; the answer does not."""
    _log.info("token refused", cause=why, **facts)
    return TokenNotFound()


def describe(tx: Tx, identity: Identity, content: Payload, token_id: str, epoch: int) -> Token:
    """Look up what a payload stands for, as it is now: three or four statements.

    Raises TokenNotFound when any part of it is gone, disabled or without a role.
    """
    user_id, target_id = payload.unpack_id(content.user), payload.unpack_id(content.target)
    user = validation.user(tx, user_id)
    if user is None or not user.enabled:
        raise _refuse("user is gone or disabled", user_id=user_id)
    known = validation.places(tx, {user.domain_id, target_id} - {""})
    user_domain = _enabled(known.get(user.domain_id))
    project = domain = project_domain = None
    if content.kind == "project":
        project = _enabled(known.get(target_id))
        project_domain = project if project.is_domain else known.get(project.domain_id or "")
        if project_domain is None:
            project_domain = validation.place(tx, project.domain_id or "")
        project_domain = _enabled(project_domain)
    elif content.kind == "domain":
        domain = _enabled(known.get(target_id))
    token = Token(
        id=token_id,
        user=user,
        user_domain=user_domain,
        methods=payload.unpack_methods(content.methods),
        audit_ids=tuple(payload.audit_text(audit) for audit in content.audits),
        issued_at=from_micros(content.issued),
        expires_at=from_micros(content.expires),
        project=project,
        project_domain=project_domain,
        domain=domain,
        system=content.kind == "system",
        roles=_roles(tx, identity, content, user, epoch),
    )
    return _with_application_credential(tx, content, token)


def _enabled(project: Project | None) -> Project:
    if project is None or not project.enabled:
        raise _refuse("project or domain is gone or disabled", target_id=project.id if project else None)
    return project


def _roles(tx: Tx, identity: Identity, content: Payload, user: User, epoch: int) -> tuple[RoleRef, ...]:
    if content.kind == "":
        return ()
    target: algebra.Target = (
        effective.SYSTEM_TARGET if content.kind == "system" else (content.kind, payload.unpack_id(content.target))
    )
    found = effective.in_token(effective.known_roles(tx, identity, epoch), effective.held(tx, user.id, target))
    if not found:
        raise _refuse("user has no role there", user_id=user.id, target_id=target[1])
    return found


def _with_application_credential(tx: Tx, content: Payload, token: Token) -> Token:
    if not content.application_credential:
        return token
    credential_id = payload.unpack_id(content.application_credential)
    credential = application_credentials.get(tx, EVERYWHERE, credential_id)
    if credential is None or credential.user_id != token.user.id:
        raise _refuse("application credential is gone", credential_id=credential_id)
    # What the credential was given, as far as its owner still has it.
    kept = tuple(role for role in token.roles if role.id in credential.role_ids)
    if not kept:
        raise _refuse("application credential has no role left", credential_id=credential_id)
    return msgspec.structs.replace(token, roles=kept, application_credential=credential)


def _context(token: Token) -> Context:
    project, domain = token.project, token.project_domain
    rules = token.application_credential.access_rules if token.application_credential is not None else None
    return Context(
        user_id=token.user.id,
        user_name=token.user.name,
        user_domain_id=token.user_domain.id,
        user_domain_name=token.user_domain.name,
        project_id=project.id if project else None,
        project_name=project.name if project else None,
        project_domain_id=domain.id if domain else None,
        project_domain_name=domain.name if domain else None,
        domain_id=token.domain.id if token.domain else None,
        system_scope="all" if token.system else None,
        roles=tuple(role.name for role in token.roles),
        audit_id=token.audit_ids[0],
        access_rules=None if rules is None else tuple(AccessRule(r.service, r.method, r.path) for r in rules),
    )


def _subjects(token: Token, content: Payload) -> list[tuple[str, str]]:
    """Every way in which this token could have been revoked."""
    found = [("audit", token.audit_ids[0]), ("user", token.user.id), ("domain", token.user_domain.id)]
    found += [("chain", audit) for audit in token.audit_ids]
    if token.project is not None and token.project_domain is not None:
        found += [("project", token.project.id), ("domain", token.project_domain.id)]
    if token.domain is not None:
        found.append(("domain", token.domain.id))
    if content.application_credential:
        found.append(("credential", payload.unpack_id(content.application_credential)))
    return found


def revoke(tx: Tx, kit: Kit, kind: str, subject: str) -> None:
    """Revoke every token issued up to now that the pair names: kinds as in `_subjects`."""
    identity = kit.get(Identity)
    options = kit.settings[TokenOptions]
    now = identity.now()
    store.revoke(tx, kind, subject, issued_before=now, forget_at=now + longest_life(options))
    store.bump(tx)


def longest_life(options: TokenOptions) -> timedelta:
    return timedelta(seconds=options.expiration + options.allow_expired_window)


def revoke_token(tx: Tx, kit: Kit, token: Token, *, descendants: bool = True) -> None:
    """Revoke one token, and those that were made from it by rescoping."""
    revoke(tx, kit, "audit", token.audit_ids[0])
    if descendants:
        revoke(tx, kit, "chain", token.audit_ids[0])


def sweep(tx: Tx, now: datetime) -> int:
    """Forget revocations that cannot match any more."""
    return store.forget_revocations(tx, now)
