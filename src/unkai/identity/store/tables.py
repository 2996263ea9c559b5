"""The tables of the identity room."""

import sqlalchemy as sa

from unkai.kernel.columns import Json, Sequence, Time
from unkai.kernel.store import tables

_ID = sa.String(64)
_NAME = sa.String(255)


def _owner(column: str, table: str, *, primary_key: bool = False) -> sa.Column[str]:
    """A reference to a row together with which this row goes away."""
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, _ID, target, nullable=False, primary_key=primary_key)


projects = sa.Table(
    "identity_projects",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("domain_id", _ID, nullable=False),
    sa.Column("parent_id", _ID, sa.ForeignKey("identity_projects.id"), index=True),
    sa.Column("is_domain", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

project_tags = sa.Table(
    "identity_project_tags",
    tables,
    _owner("project_id", "identity_projects", primary_key=True),
    sa.Column("name", _NAME, primary_key=True),
)

users = sa.Table(
    "identity_users",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("domain_id", _ID, sa.ForeignKey("identity_projects.id"), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("default_project_id", _ID),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("last_active_at", Time),
    sa.Column("failed_auth_count", sa.Integer, nullable=False, default=0),
    sa.Column("failed_auth_at", Time),
    sa.UniqueConstraint("domain_id", "name"),
)

# The newest row is the password in force; older ones are kept only as far as the history rule needs them.
passwords = sa.Table(
    "identity_passwords",
    tables,
    sa.Column("id", Sequence, primary_key=True),
    _owner("user_id", "identity_users"),
    sa.Column("hash", sa.String(255), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time),
    sa.Column("self_service", sa.Boolean, nullable=False),
    sa.Index("ix_identity_passwords_user_id", "user_id"),
)

groups = sa.Table(
    "identity_groups",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("domain_id", _ID, sa.ForeignKey("identity_projects.id"), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

memberships = sa.Table(
    "identity_memberships",
    tables,
    _owner("user_id", "identity_users", primary_key=True),
    _owner("group_id", "identity_groups", primary_key=True),
    sa.Index("ix_identity_memberships_group_id", "group_id"),
)

roles = sa.Table(
    "identity_roles",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("domain_id", _ID, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("options", Json, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.UniqueConstraint("domain_id", "name"),
)

implied_roles = sa.Table(
    "identity_implied_roles",
    tables,
    sa.Column("prior_role_id", _ID, sa.ForeignKey("identity_roles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("implied_role_id", _ID, sa.ForeignKey("identity_roles.id", ondelete="CASCADE"), primary_key=True),
)

# actor: a user or a group; target: a project, a domain, or the system (whose id is "all").
assignments = sa.Table(
    "identity_assignments",
    tables,
    sa.Column("actor_kind", sa.String(8), primary_key=True),
    sa.Column("actor_id", _ID, primary_key=True),
    sa.Column("target_kind", sa.String(8), primary_key=True),
    sa.Column("target_id", _ID, primary_key=True),
    _owner("role_id", "identity_roles", primary_key=True),
    sa.Column("inherited", sa.Boolean, primary_key=True),
    sa.Index("ix_identity_assignments_target", "target_kind", "target_id"),
    sa.Index("ix_identity_assignments_role_id", "role_id"),
)

regions = sa.Table(
    "identity_regions",
    tables,
    sa.Column("id", _NAME, primary_key=True),
    sa.Column("parent_region_id", _NAME, sa.ForeignKey("identity_regions.id")),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

services = sa.Table(
    "identity_services",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("type", _NAME, nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

endpoints = sa.Table(
    "identity_endpoints",
    tables,
    sa.Column("id", _ID, primary_key=True),
    _owner("service_id", "identity_services"),
    sa.Column("region_id", _NAME, sa.ForeignKey("identity_regions.id")),
    sa.Column("interface", sa.String(8), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("extra", Json, nullable=False),
    sa.Index("ix_identity_endpoints_service_id", "service_id"),
)

credentials = sa.Table(
    "identity_credentials",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("user_id", _ID, nullable=False, index=True),
    sa.Column("project_id", _ID, index=True),
    sa.Column("type", _NAME, nullable=False),
    sa.Column("encrypted_blob", sa.Text, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

application_credentials = sa.Table(
    "identity_application_credentials",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("name", _NAME, nullable=False),
    _owner("user_id", "identity_users"),
    sa.Column("project_id", _ID, nullable=False, index=True),
    sa.Column("secret_hash", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("expires_at", Time),
    sa.Column("unrestricted", sa.Boolean, nullable=False),
    sa.Column("system", sa.String(64)),
    # Whether it was made with a list of access rules: an empty list allows nothing, no list allows everything.
    sa.Column("restricted_paths", sa.Boolean, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

application_credential_roles = sa.Table(
    "identity_application_credential_roles",
    tables,
    _owner("application_credential_id", "identity_application_credentials", primary_key=True),
    _owner("role_id", "identity_roles", primary_key=True),
)

access_rules = sa.Table(
    "identity_access_rules",
    tables,
    sa.Column("id", _ID, primary_key=True),
    _owner("user_id", "identity_users"),
    sa.Column("service", sa.String(64), nullable=False),
    sa.Column("path", sa.String(225), nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
    sa.UniqueConstraint("user_id", "service", "path", "method"),
)

application_credential_rules = sa.Table(
    "identity_application_credential_rules",
    tables,
    _owner("application_credential_id", "identity_application_credentials", primary_key=True),
    sa.Column("access_rule_id", _ID, sa.ForeignKey("identity_access_rules.id"), primary_key=True),
)

policies = sa.Table(
    "identity_policies",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("type", _NAME, nullable=False),
    sa.Column("blob", sa.Text, nullable=False),
    sa.Column("extra", Json, nullable=False),
)

registered_limits = sa.Table(
    "identity_registered_limits",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("service_id", _ID, sa.ForeignKey("identity_services.id"), nullable=False),
    sa.Column("region_id", _NAME, sa.ForeignKey("identity_regions.id")),
    sa.Column("resource_name", _NAME, nullable=False),
    sa.Column("default_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.Index("ix_identity_registered_limits_service_id", "service_id"),
)

limits = sa.Table(
    "identity_limits",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("registered_limit_id", _ID, sa.ForeignKey("identity_registered_limits.id"), nullable=False),
    # Exactly one of the two; "" stands for the other, so that the pair can be unique.
    sa.Column("project_id", _ID, nullable=False),
    sa.Column("domain_id", _ID, nullable=False),
    sa.Column("resource_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("registered_limit_id", "project_id", "domain_id"),
)

# A token is revoked by a row that names it, its chain, its user or its project, if it was issued before.
revocations = sa.Table(
    "identity_revocations",
    tables,
    sa.Column("id", Sequence, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", _ID, nullable=False),
    sa.Column("issued_before", Time, nullable=False),
    # When no token that it could revoke can be alive any more.
    sa.Column("forget_at", Time, nullable=False, index=True),
    sa.Index("ix_identity_revocations_subject", "subject", "kind"),
)

keys = sa.Table(
    "identity_keys",
    tables,
    sa.Column("id", Sequence, primary_key=True),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("secret", sa.String(64), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)

# One row that grows with every change which can alter what a token is worth. Processes that cache compare it.
epochs = sa.Table(
    "identity_epochs",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
