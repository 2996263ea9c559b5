"""Who asks: the facts of a validated token, carried by every request and flow."""

import msgspec

from unkai.kernel.scope import Scope


class AccessRule(msgspec.Struct, frozen=True):
    """One kind of call that a restricted token may make: catalog type of the service, HTTP method, path pattern."""

    service: str
    method: str
    path: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The caller. Scope is a project, a domain, the system, or nothing (unscoped token).

    `audit_id` names the token without revealing it; `roles` are role names with
    implied ones. `request_id` is this request's, `global_request_id` the one the
    caller brought along.
    """

    request_id: str = ""
    global_request_id: str | None = None
    user_id: str = ""
    user_name: str = ""
    user_domain_id: str = ""
    user_domain_name: str = ""
    project_id: str | None = None
    project_name: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    domain_id: str | None = None
    system_scope: str | None = None
    roles: tuple[str, ...] = ()
    audit_id: str | None = None
    token: str | None = None
    is_admin_project: bool = True
    trust_id: str | None = None
    # What the token is limited to; None: nothing. Checked before any handler runs.
    access_rules: tuple[AccessRule, ...] | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller holds the admin role anywhere (upstream's context_is_admin default)."""
        return "admin" in self.roles

    @property
    def scope(self) -> Scope:
        """What store verbs may show this caller when nothing wider was authorised."""
        if self.project_id is not None:
            return Scope.project(self.project_id)
        if self.domain_id is not None:
            return Scope.domain(self.domain_id)
        if self.system_scope is not None:
            return Scope.system()
        return Scope.nothing()

    def credentials(self) -> dict[str, object]:
        """The caller as policy rules see it (oslo.policy's credential names)."""
        return {
            "user_id": self.user_id,
            "project_id": self.project_id,
            "tenant_id": self.project_id,
            "tenant": self.project_id,
            "user": self.user_id,
            "domain_id": self.domain_id,
            "user_domain_id": self.user_domain_id,
            "project_domain_id": self.project_domain_id,
            "system_scope": self.system_scope,
            "roles": list(self.roles),
            "is_admin": self.is_admin,
            "is_admin_project": self.is_admin_project,
            "trust_id": self.trust_id,
            "token": {
                "user": {"id": self.user_id, "domain": {"id": self.user_domain_id}},
                "domain": {"id": self.domain_id},
                "project": {"id": self.project_id, "domain": {"id": self.project_domain_id}},
            },
        }
