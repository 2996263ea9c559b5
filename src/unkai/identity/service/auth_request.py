"""The body of POST /v3/auth/tokens as typed data, in upstream's shape."""

from typing import Any

import msgspec

from unkai.identity.errors import Invalid

_MISSING = (
    "Expecting to find {attribute} in {target}. The server could not comply with the request since it is either "
    "malformed or otherwise incorrect. The client is assumed to be in error."
)


class DomainRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class UserRef(msgspec.Struct, frozen=True):
    """A user by id, or by name and domain, with what proves it."""

    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None
    password: str | None = None


class UserProof(msgspec.Struct, frozen=True):
    user: UserRef | None = None


class TokenProof(msgspec.Struct, frozen=True):
    id: str


class ApplicationCredentialProof(msgspec.Struct, frozen=True):
    """By id, or by name and user."""

    id: str | None = None
    name: str | None = None
    secret: str | None = None
    user: UserRef | None = None


class Proofs(msgspec.Struct, frozen=True):
    methods: list[str]
    password: UserProof | None = None
    token: TokenProof | None = None
    application_credential: ApplicationCredentialProof | None = None


class ProjectRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None
    domain: DomainRef | None = None


class ScopeRef(msgspec.Struct, frozen=True, rename={"trust": "OS-TRUST:trust"}):
    project: ProjectRef | None = None
    domain: DomainRef | None = None
    system: dict[str, Any] | None = None
    trust: dict[str, Any] | None = None
    # Old clients send {"unscoped": {}} where today's send the word.
    unscoped: Any = None


class AuthRequest(msgspec.Struct, frozen=True):
    identity: Proofs
    scope: ScopeRef | str | None = None


class AuthBody(msgspec.Struct, frozen=True):
    auth: AuthRequest


def missing(attribute: str, target: str) -> Invalid:
    return Invalid(reason=_MISSING.format(attribute=attribute, target=target))


def check(request: AuthRequest) -> None:
    """What types alone cannot say. Raises Invalid."""
    for method in request.identity.methods:
        if hasattr(request.identity, method) and getattr(request.identity, method) is None:
            raise missing(method, "identity")
    scope = request.scope
    if isinstance(scope, str):
        if scope != "unscoped":
            raise missing("system, project, domain, OS-TRUST:trust or unscoped", "scope")
        return
    if scope is None:
        return
    given = [scope.project, scope.domain, scope.system, scope.trust, scope.unscoped]
    if sum(part is not None for part in given) != 1:
        raise missing("system, project, domain, OS-TRUST:trust or unscoped", "scope")
    if scope.project is not None:
        _named(scope.project.id, scope.project.name, "scope/project")
        if scope.project.name is not None and scope.project.id is None and scope.project.domain is None:
            raise missing("domain", "project")
        if scope.project.domain is not None:
            _named(scope.project.domain.id, scope.project.domain.name, "scope/project/domain")
    if scope.domain is not None:
        _named(scope.domain.id, scope.domain.name, "scope/domain")


def check_user(user: UserRef | None, method: str) -> UserRef:
    """A user must be named by id, or by name and domain. Raises Invalid."""
    if user is None:
        raise missing("user", method)
    _named(user.id, user.name, f"identity/{method}/user")
    if user.domain is not None:
        _named(user.domain.id, user.domain.name, f"identity/{method}/user/domain")
    elif user.name is not None:
        raise missing("domain", "user")
    return user


def _named(identity: str | None, name: str | None, field: str) -> None:
    if identity is None and name is None:
        raise Invalid(reason=f"Invalid input for field {field}: id or name must be present.")
