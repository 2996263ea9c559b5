"""The types of the identity room. Frozen: a value that was read is never changed in place."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from unkai.kernel.paging import SortKey

ActorKind = Literal["user", "group"]
TargetKind = Literal["project", "domain", "system"]
Comparator = Literal["equals", "contains", "startswith", "endswith"]
Interface = Literal["admin", "internal", "public"]

# The id under which the system is the target of assignments.
SYSTEM = "all"


class Filter(msgspec.Struct, frozen=True):
    """One condition of a list: `name__icontains=x` is Filter("name", "x", "contains", case_sensitive=False)."""

    name: str
    value: Any
    comparator: Comparator = "equals"
    case_sensitive: bool = True


class Listing(msgspec.Struct, frozen=True):
    """What part of a list is wanted, and in which order."""

    filters: tuple[Filter, ...] = ()
    limit: int | None = None
    marker: str | None = None
    sort: tuple[SortKey, ...] = ()


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project, or a domain (`is_domain`, then `domain_id` and `parent_id` are None)."""

    id: str
    name: str
    domain_id: str | None
    parent_id: str | None
    is_domain: bool
    enabled: bool
    description: str
    options: dict[str, Any]
    extra: dict[str, Any]
    tags: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """`password_expires_at` is that of the password in force, None for a password that never expires."""

    id: str
    name: str
    domain_id: str
    enabled: bool
    default_project_id: str | None
    options: dict[str, Any]
    extra: dict[str, Any]
    created_at: datetime
    last_active_at: datetime | None = None
    password_expires_at: datetime | None = None


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """What checking a password needs. Never leaves the room; `password_hash` is None when there is no password."""

    user: User
    password_hash: str | None
    password_created_at: datetime | None
    password_self_service: bool
    failed_auth_count: int
    failed_auth_at: datetime | None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    domain_id: str
    description: str
    extra: dict[str, Any]


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """`domain_id` is None for a global role; roles of a domain never appear in tokens, only what they imply."""

    id: str
    name: str
    domain_id: str | None
    description: str | None
    options: dict[str, Any]
    extra: dict[str, Any]


class KnownRoles(msgspec.Struct, frozen=True):
    """Every role and what it implies directly: small tables, read whole."""

    by_id: dict[str, Role]
    implied: dict[str, list[str]]


class Assignment(msgspec.Struct, frozen=True):
    """A role of an actor on a target. `inherited` counts for the projects below the target, not for itself."""

    role_id: str
    actor_kind: ActorKind
    actor_id: str
    target_kind: TargetKind
    target_id: str
    inherited: bool = False


class Effective(msgspec.Struct, frozen=True):
    """An assignment after groups, inheritance and implied roles were worked out, and where it came from.

    `group_id`, `source_kind`/`source_id` and `prior_role_id` are set when it came through a group, from a target
    further up, or from a role that implies it.
    """

    role_id: str
    user_id: str
    target_kind: TargetKind
    target_id: str
    group_id: str | None = None
    source_kind: TargetKind | None = None
    source_id: str | None = None
    prior_role_id: str | None = None


class Region(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    parent_region_id: str | None
    description: str
    extra: dict[str, Any]


class Service(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    name: str
    enabled: bool
    extra: dict[str, Any]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    service_id: str
    region_id: str | None
    interface: str
    url: str
    enabled: bool
    extra: dict[str, Any]


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """`blob` is the clear text; it is encrypted in the table."""

    id: str
    user_id: str
    project_id: str | None
    type: str
    blob: str
    extra: dict[str, Any]


class AccessRule(msgspec.Struct, frozen=True):
    id: str
    service: str
    path: str
    method: str


class RoleRef(msgspec.Struct, frozen=True):
    id: str
    name: str


class ApplicationCredential(msgspec.Struct, frozen=True, kw_only=True):
    """`access_rules` None means that it is not limited to paths; an empty tuple allows nothing."""

    id: str
    name: str
    user_id: str
    project_id: str
    description: str | None
    expires_at: datetime | None
    unrestricted: bool
    role_ids: tuple[str, ...]
    access_rules: tuple[AccessRule, ...] | None
    secret_hash: str
    system: str | None = None


class PolicyBlob(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    type: str
    blob: str
    extra: dict[str, Any]


class RegisteredLimit(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    service_id: str
    region_id: str | None
    resource_name: str
    default_limit: int
    description: str | None


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A project's or a domain's own limit instead of the registered default."""

    id: str
    registered_limit_id: str
    service_id: str
    region_id: str | None
    resource_name: str
    resource_limit: int
    description: str | None
    project_id: str | None
    domain_id: str | None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was issued or validated, with everything that its answer shows except the catalog.

    At most one of `project`, `domain` and `system` is set. `audit_ids` are its own and, after rescoping, the one of
    the first token of its chain.
    """

    id: str
    user: User
    user_domain: Project
    methods: tuple[str, ...]
    audit_ids: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    system: bool = False
    roles: tuple[RoleRef, ...] = ()
    application_credential: ApplicationCredential | None = None

    @property
    def scoped(self) -> bool:
        return self.project is not None or self.domain is not None or self.system
