"""From what a caller brings (password, token, application credential) to a token of the scope asked for.

Looking up and deciding are short reading transactions; hashing happens between
them, in its own threads, so that no database thread waits for it. Unknown users
cost the same hashing as known ones, and every failure gives the same answer.
"""

from datetime import timedelta

import msgspec

from unkai.identity.errors import AuthenticationFailed, NotPermitted, PasswordExpired, TokenNotFound
from unkai.identity.model import ApplicationCredential, Filter, Listing, Login, Project, Token
from unkai.identity.service import effective, keyring, payload, tokens
from unkai.identity.service.auth_request import (
    ApplicationCredentialProof,
    AuthRequest,
    DomainRef,
    ProjectRef,
    Proofs,
    UserRef,
    check,
    check_user,
    missing,
)
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.service.payload import ScopeKind
from unkai.identity.settings import SecurityOptions, TokenOptions
from unkai.identity.store import application_credentials, users, validation
from unkai.kernel import log
from unkai.kernel.columns import to_micros
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

_log = log.get(__name__)


class Proof(msgspec.Struct, frozen=True):
    """One method that succeeded. `earlier` is the token that was exchanged, `credential` what authenticated."""

    method: str
    user_id: str
    earlier: Token | None = None
    credential: ApplicationCredential | None = None


async def authenticate_for_token(kit: Kit, request: AuthRequest) -> Token:
    """Issue a token. Raises Invalid (400), AuthenticationFailed (401), NotPermitted (403), TokenNotFound (404)."""
    check(request)
    identity = kit.get(Identity)
    if not identity.rings:
        await kit.db.run(keyring.ensure, identity)
    try:
        proofs = [await _prove(kit, method, request) for method in dict.fromkeys(request.identity.methods)]
        if not proofs:
            raise missing("methods", "identity")
        if len({proof.user_id for proof in proofs}) != 1:
            raise AuthenticationFailed("the methods name different users")
        epoch = await identity.epoch.value()
        token = await kit.db.read(_issue, kit, epoch, request, proofs)
    except AuthenticationFailed as error:
        _log.info("authentication failed", cause=error.cause)
        raise
    identity.cache.put(token.id, tokens.validated(token, epoch))
    return token


async def _prove(kit: Kit, method: str, request: AuthRequest) -> Proof:
    given = request.identity
    if method == "password":
        return await _password(kit, given)
    if method == "token" and given.token is not None:
        return await _earlier_token(kit, given.token.id, request)
    if method == "application_credential" and given.application_credential is not None:
        return await _application_credential(kit, given.application_credential, request)
    raise AuthenticationFailed(f"method {method[:64]!r} is not supported")


async def _password(kit: Kit, given: Proofs) -> Proof:
    user = check_user(given.password.user if given.password else None, "password")
    login = await kit.db.read(find_login, user)
    await check_password(kit, login, user.password or "")
    assert login is not None
    return Proof("password", login.user.id)


async def check_password(kit: Kit, login: Login | None, password: str, *, expired_is_fine: bool = False) -> None:
    """Compare a password, then look at the account: who does not know the password learns nothing about it.

    Raises AuthenticationFailed, PasswordExpired.
    """
    identity = kit.get(Identity)
    options = kit.settings[SecurityOptions]
    right = await identity.hasher.verify(login.password_hash if login else None, password)
    if login is None:
        raise AuthenticationFailed("no such user")
    cause = _locked(identity, options, login)
    if cause is None and not right:
        if options.lockout_failure_attempts is not None:
            await kit.db.run(_record_failure, identity, login)
        cause = "wrong password"
    if cause is None and not login.user.enabled:
        cause = "user is disabled"
    if cause is None and _inactive(identity, options, login):
        cause = "user has been inactive for too long"
    if cause is not None:
        raise AuthenticationFailed(f"{cause} (user {login.user.id})")
    expires = login.user.password_expires_at
    if expires is not None and expires <= identity.now() and not expired_is_fine:
        raise PasswordExpired(user_id=login.user.id)
    if login.failed_auth_count or options.disable_user_account_days_inactive is not None:
        await kit.db.run(_record_success, identity, login)


def find_login(tx: Tx, wanted: UserRef) -> Login | None:
    """None when the user or its domain is unknown, or its domain disabled."""
    if wanted.id is not None:
        login = validation.login(tx, wanted.id)
        if login is None:
            return None
        domain = validation.place(tx, login.user.domain_id)
        return login if domain is not None and domain.enabled else None
    domain = _domain(tx, wanted.domain)
    if domain is None or not domain.enabled:
        return None
    return validation.login_by_name(tx, wanted.name or "", domain.id)


def _domain(tx: Tx, wanted: DomainRef | None) -> Project | None:
    if wanted is None:
        return None
    if wanted.id is not None:
        found = validation.place(tx, wanted.id)
        return found if found is not None and found.is_domain else None
    return validation.place_by_name(tx, wanted.name or "", None)


def _locked(identity: Identity, options: SecurityOptions, login: Login) -> str | None:
    limit = options.lockout_failure_attempts
    if limit is None or login.user.options.get("ignore_lockout_failure_attempts") or login.failed_auth_at is None:
        return None
    until = login.failed_auth_at + timedelta(seconds=options.lockout_duration)
    return "user is locked" if login.failed_auth_count >= limit and identity.now() < until else None


def _inactive(identity: Identity, options: SecurityOptions, login: Login) -> bool:
    days = options.disable_user_account_days_inactive
    if days is None or login.user.options.get("ignore_user_inactivity"):
        return False
    last = login.user.last_active_at or login.user.created_at
    return identity.now() - last > timedelta(days=days)


def _record_failure(tx: Tx, identity: Identity, login: Login) -> None:
    now = identity.now()
    duration = timedelta(seconds=identity.settings[SecurityOptions].lockout_duration)
    stale = login.failed_auth_at is not None and now - login.failed_auth_at > duration
    count = 1 if stale else login.failed_auth_count + 1
    users.update(tx, EVERYWHERE, login.user.id, failed_auth_count=count, failed_auth_at=now)


def _record_success(tx: Tx, identity: Identity, login: Login) -> None:
    users.update(
        tx, EVERYWHERE, login.user.id, failed_auth_count=0, failed_auth_at=None, last_active_at=identity.now()
    )


async def _earlier_token(kit: Kit, token_id: str, request: AuthRequest) -> Proof:
    """Exchange a token. What came from a narrow credential must not be turned into anything else."""
    token = (await tokens.validate(kit, token_id)).token
    if "application_credential" in token.methods:
        raise NotPermitted(action="Using a delegated token to create another token is not allowed")
    scope = request.scope if not isinstance(request.scope, str) else None
    if token.system and scope is not None and (scope.project is not None or scope.domain is not None):
        raise NotPermitted(
            action="Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed"
        )
    if token.scoped and not kit.settings[TokenOptions].allow_rescope_scoped_token:
        raise NotPermitted(action="rescope a scoped token")
    return Proof("token", token.user.id, earlier=token)


async def _application_credential(kit: Kit, given: ApplicationCredentialProof, request: AuthRequest) -> Proof:
    if request.scope is not None:
        raise AuthenticationFailed("application credentials cannot request a scope")
    if given.id is None and given.name is None:
        raise missing("id or name", "application credential")
    user = None if given.id is not None else check_user(given.user, "application_credential")
    found = await kit.db.read(_find_credential, given, user)
    identity = kit.get(Identity)
    right = await identity.hasher.verify(found[0].secret_hash if found else None, given.secret or "")
    if found is None or not right:
        raise AuthenticationFailed("unknown application credential or wrong secret")
    credential, login = found
    if not login.user.enabled:
        raise AuthenticationFailed(f"user is disabled (user {login.user.id})")
    if credential.expires_at is not None and credential.expires_at <= identity.now():
        raise AuthenticationFailed(f"application credential {credential.id} has expired")
    return Proof("application_credential", login.user.id, credential=credential)


def _find_credential(
    tx: Tx, given: ApplicationCredentialProof, user: UserRef | None
) -> tuple[ApplicationCredential, Login] | None:
    if given.id is not None:
        credential = application_credentials.get(tx, EVERYWHERE, given.id)
        login = find_login(tx, UserRef(id=credential.user_id)) if credential else None
    else:
        login = find_login(tx, user) if user else None
        if login is None:
            return None
        listing = Listing((Filter("name", given.name),))
        named, _ = application_credentials.of_user(tx, EVERYWHERE, login.user.id, listing)
        credential = named[0] if named else None
    return (credential, login) if credential is not None and login is not None else None


def _issue(tx: Tx, kit: Kit, epoch: int, request: AuthRequest, proofs: list[Proof]) -> Token:
    """Work out the scope and seal the token. Raises AuthenticationFailed when the user may not have that scope."""
    identity = kit.get(Identity)
    user_id = proofs[0].user_id
    methods = {method for proof in proofs for method in (proof.method, *_earlier_methods(proof))}
    _check_rules(tx, user_id, methods)
    credential = next((proof.credential for proof in proofs if proof.credential), None)
    earlier = next((proof.earlier for proof in proofs if proof.earlier), None)
    now = int(identity.seconds() * 1_000_000)
    ends = [now // 1_000_000 * 1_000_000 + kit.settings[TokenOptions].expiration * 1_000_000]
    if earlier is not None:
        # Rescoping must not prolong: whoever holds a token would never have to prove anything again.
        ends = [to_micros(earlier.expires_at)]
    if credential is not None and credential.expires_at is not None:
        ends.append(to_micros(credential.expires_at))
    kind, target_id = _scope(tx, request, user_id, credential)
    content = payload.new(
        user_id=user_id,
        methods=methods,
        kind=kind,
        target_id=target_id,
        issued=now,
        expires=min(ends),
        chain=payload.audit_bytes(earlier.audit_ids[-1]) if earlier is not None else None,
        application_credential_id=credential.id if credential is not None else "",
    )
    try:
        return tokens.describe(tx, identity, content, tokens.seal(tx, identity, content, epoch), epoch)
    except TokenNotFound as error:
        raise AuthenticationFailed(f"no token for user {user_id} on {kind} {target_id}") from error


def _earlier_methods(proof: Proof) -> tuple[str, ...]:
    return proof.earlier.methods if proof.earlier is not None else ()


def _check_rules(tx: Tx, user_id: str, methods: set[str]) -> None:
    """A user's own rules on which methods must come together; rules that name no method we have do not count."""
    user = validation.user(tx, user_id)
    if user is None or not user.options.get("multi_factor_auth_enabled", True):
        return
    rules = [set(rule) & set(payload.METHODS) for rule in user.options.get("multi_factor_auth_rules") or ()]
    rules = [rule for rule in rules if rule]
    if rules and not any(rule <= methods for rule in rules):
        raise AuthenticationFailed(f"more methods are required (user {user_id})")


def _scope(
    tx: Tx, request: AuthRequest, user_id: str, credential: ApplicationCredential | None
) -> tuple[ScopeKind, str]:
    if credential is not None:
        return "project", credential.project_id
    scope = request.scope
    if scope is None:
        return _default_scope(tx, user_id)
    if isinstance(scope, str) or scope.unscoped is not None:
        return "", ""
    if scope.system is not None:
        return effective.SYSTEM_TARGET
    if scope.trust is not None:
        raise AuthenticationFailed("trusts are not supported")
    if scope.domain is not None:
        domain = _domain(tx, scope.domain)
        if domain is None:
            raise AuthenticationFailed("no such domain")
        return "domain", domain.id
    project = _project(tx, scope.project) if scope.project is not None else None
    if project is None:
        raise AuthenticationFailed("no such project")
    return "project", project.id


def _project(tx: Tx, wanted: ProjectRef) -> Project | None:
    if wanted.id is not None:
        return validation.place(tx, wanted.id)
    domain = _domain(tx, wanted.domain)
    return validation.place_by_name(tx, wanted.name or "", domain.id) if domain is not None else None


def _default_scope(tx: Tx, user_id: str) -> tuple[ScopeKind, str]:
    """The user's default project when it is usable, and no scope otherwise."""
    user = validation.user(tx, user_id)
    if user is None or user.default_project_id is None:
        return "", ""
    project = validation.place(tx, user.default_project_id)
    if project is None or not project.enabled:
        return "", ""
    domain = validation.place(tx, project.domain_id or project.id)
    if domain is None or not domain.enabled or not effective.roles_on(tx, user_id, ("project", project.id)):
        return "", ""
    return "project", project.id
