"""Rules of the identity room: upstream's names and today's defaults (secure RBAC).

`admin` may do everything; a reader on the system sees everything; a reader or
manager of a domain sees or manages what is in that domain; users see themselves.
Targets come flat: "target.user.domain_id" and so on.
"""

from unkai.kernel.policy import Rule

_EVERY_SCOPE = ("system", "domain", "project")
_NO_DOMAIN = ("system", "project")

_ADMIN = "rule:admin_required"
_SYSTEM_READER = "(role:reader and system_scope:all)"
_SYSTEM_ADMIN = "(role:admin and system_scope:all)"
_READ = f"{_ADMIN} or {_SYSTEM_READER}"
_OWNER = "user_id:%(user_id)s"
_SELF = "user_id:%(target.user.id)s"
_HOLDER = "user_id:%(target.credential.user_id)s"


def _in(domain: str, role: str) -> str:
    """A role in the domain that the target names, which must name one."""
    return f"(role:{role} and domain_id:%({domain})s and not None:%({domain})s)"


_PROJECT_DOMAIN = "target.project.domain_id"
_PROJECT_READ = f"{_READ} or {_in(_PROJECT_DOMAIN, 'reader')} or project_id:%(target.project.id)s"
_PROJECT_MANAGE = f"{_ADMIN} or {_in(_PROJECT_DOMAIN, 'manager')}"
_GROUP_READ = f"{_READ} or (role:reader and domain_id:%(target.group.domain_id)s)"
_GROUP_MANAGE = f"{_ADMIN} or (role:manager and domain_id:%(target.group.domain_id)s)"
_BOTH = "domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s"
_USER_MANAGE = f"{_ADMIN} or (role:manager and token.domain.id:%(target.user.domain_id)s)"


def _grants(role: str) -> str:
    """A role in the domain of both the actor and the target of a grant."""
    actors = ("target.user.domain_id", "target.group.domain_id")
    targets = ("target.project.domain_id", "target.domain.id")
    ways = (
        f"(role:{role} and domain_id:%({actor})s and domain_id:%({target})s)" for actor in actors for target in targets
    )
    return f"({' or '.join(ways)})"


_ROLE_FITS = "(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)"
_GRANT_CHANGE = (
    f"{_ADMIN} or ({_grants('admin')} and {_ROLE_FITS}) or ({_grants('manager')} and rule:domain_managed_target_role)"
)
_TRUSTED_WITH_TOKENS = f"{_READ} or rule:service_role or rule:token_subject"


def _rule(name: str, check: str, description: str, *operations: str, scopes: tuple[str, ...] = _NO_DOMAIN) -> Rule:
    return Rule(f"identity:{name}", check, description, operations, scopes)


def _crud(
    singular: str,
    plural: str,
    path: str,
    *,
    what: str,
    create: str = "",
    listed: str = _READ,
    shown: str = _READ,
    scopes: tuple[str, ...] = _NO_DOMAIN,
) -> tuple[Rule, ...]:
    """The five usual rules of a resource that only administrators change."""
    one = f"{path}/{{{singular}_id}}"
    return (
        _rule(f"get_{singular}", shown, f"Show {what}.", f"GET {one}", scopes=scopes),
        _rule(f"list_{plural}", listed, f"List {what}s.", f"GET {path}", scopes=scopes),
        _rule(create or f"create_{singular}", _ADMIN, f"Create {what}.", f"POST {path}"),
        _rule(f"update_{singular}", _ADMIN, f"Change {what}.", f"PATCH {one}"),
        _rule(f"delete_{singular}", _ADMIN, f"Delete {what}.", f"DELETE {one}"),
    )


_BASE = (
    Rule("admin_required", "role:admin or is_admin:1", "Administrators."),
    Rule("service_role", "role:service", "Services of the cloud."),
    Rule("owner", _OWNER, "The user that the address names."),
    Rule("token_subject", "user_id:%(target.token.user_id)s", "The user of the token in X-Subject-Token."),
    Rule("admin_or_token_subject", "rule:admin_required or rule:token_subject", "Administrators and the subject."),
    Rule(
        "service_admin_or_token_subject",
        "rule:admin_required or rule:service_role or rule:token_subject",
        "Services, administrators and the subject.",
    ),
    Rule(
        "domain_managed_target_role",
        "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
        "Roles that the manager of a domain may give and take.",
    ),
)

_TOKENS = (
    _rule(
        "check_token", f"{_READ} or rule:token_subject", "Check a token.", "HEAD /v3/auth/tokens", scopes=_EVERY_SCOPE
    ),
    _rule("validate_token", _TRUSTED_WITH_TOKENS, "Validate a token.", "GET /v3/auth/tokens", scopes=_EVERY_SCOPE),
    _rule(
        "revoke_token",
        f"{_ADMIN} or rule:token_subject",
        "Revoke a token.",
        "DELETE /v3/auth/tokens",
        scopes=_EVERY_SCOPE,
    ),
    _rule("get_auth_catalog", "", "The catalog of the token.", "GET /v3/auth/catalog", scopes=()),
    _rule(
        "get_auth_projects", "", "Projects that the token can be exchanged for.", "GET /v3/auth/projects", scopes=()
    ),
    _rule("get_auth_domains", "", "Domains that the token can be exchanged for.", "GET /v3/auth/domains", scopes=()),
    _rule(
        "get_auth_system", "", "Whether the token can be exchanged for the system.", "GET /v3/auth/system", scopes=()
    ),
)

_DOMAINS = (
    _rule(
        "get_domain",
        f"{_READ} or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s",
        "Show a domain.",
        "GET /v3/domains/{domain_id}",
        scopes=_EVERY_SCOPE,
    ),
    _rule(
        "list_domains",
        f"{_READ} or (role:reader and domain_id:%(target.domain.id)s)",
        "List domains.",
        "GET /v3/domains",
        scopes=_EVERY_SCOPE,
    ),
    _rule("create_domain", _ADMIN, "Create a domain.", "POST /v3/domains"),
    _rule("update_domain", _ADMIN, "Change a domain.", "PATCH /v3/domains/{domain_id}"),
    _rule("delete_domain", _ADMIN, "Delete a domain.", "DELETE /v3/domains/{domain_id}"),
)


def _project_rule(name: str, check: str, description: str, *operations: str) -> Rule:
    return _rule(name, check, description, *operations, scopes=_EVERY_SCOPE)


_TAGS = "/v3/projects/{project_id}/tags"
_PROJECTS = (
    _project_rule("get_project", _PROJECT_READ, "Show a project.", "GET /v3/projects/{project_id}"),
    _project_rule(
        "list_projects",
        f"{_READ} or (role:reader and domain_id:%(target.domain_id)s)",
        "List projects.",
        "GET /v3/projects",
    ),
    _project_rule(
        "list_user_projects",
        f"{_READ} or (role:reader and domain_id:%(target.user.domain_id)s) or {_SELF}",
        "List the projects of a user.",
        "GET /v3/users/{user_id}/projects",
    ),
    _project_rule("create_project", _PROJECT_MANAGE, "Create a project.", "POST /v3/projects"),
    _project_rule("update_project", _PROJECT_MANAGE, "Change a project.", "PATCH /v3/projects/{project_id}"),
    _project_rule("delete_project", _PROJECT_MANAGE, "Delete a project.", "DELETE /v3/projects/{project_id}"),
    _project_rule("list_project_tags", _PROJECT_READ, "List a project's tags.", f"GET {_TAGS}"),
    _project_rule("get_project_tag", _PROJECT_READ, "Check a project's tag.", f"GET {_TAGS}/{{value}}"),
    _project_rule("update_project_tags", _PROJECT_MANAGE, "Replace a project's tags.", f"PUT {_TAGS}"),
    _project_rule("create_project_tag", _PROJECT_MANAGE, "Tag a project.", f"PUT {_TAGS}/{{value}}"),
    _project_rule("delete_project_tags", _PROJECT_MANAGE, "Remove a project's tags.", f"DELETE {_TAGS}"),
    _project_rule("delete_project_tag", _PROJECT_MANAGE, "Remove a project's tag.", f"DELETE {_TAGS}/{{value}}"),
)

_USERS = (
    _project_rule(
        "get_user",
        f"{_READ} or (role:reader and token.domain.id:%(target.user.domain_id)s) or {_SELF}",
        "Show a user.",
        "GET /v3/users/{user_id}",
    ),
    _project_rule(
        "list_users", f"{_READ} or (role:reader and domain_id:%(target.domain_id)s)", "List users.", "GET /v3/users"
    ),
    _project_rule("create_user", _USER_MANAGE, "Create a user.", "POST /v3/users"),
    _project_rule("update_user", _USER_MANAGE, "Change a user.", "PATCH /v3/users/{user_id}"),
    _project_rule("delete_user", _USER_MANAGE, "Delete a user.", "DELETE /v3/users/{user_id}"),
    _project_rule(
        "revoke_tokens_for_user",
        "rule:admin_required or rule:owner",
        "End every token of a user.",
        "DELETE /v3/users/{user_id}/tokens",
    ),
)

_MEMBER = "/v3/groups/{group_id}/users/{user_id}"
_GROUPS = (
    _project_rule("get_group", _GROUP_READ, "Show a group.", "GET /v3/groups/{group_id}"),
    _project_rule("list_groups", _GROUP_READ, "List groups.", "GET /v3/groups"),
    _project_rule(
        "list_groups_for_user",
        f"{_READ} or (role:reader and domain_id:%(target.user.domain_id)s) or {_OWNER}",
        "List the groups of a user.",
        "GET /v3/users/{user_id}/groups",
    ),
    _project_rule("create_group", _GROUP_MANAGE, "Create a group.", "POST /v3/groups"),
    _project_rule("update_group", _GROUP_MANAGE, "Change a group.", "PATCH /v3/groups/{group_id}"),
    _project_rule("delete_group", _GROUP_MANAGE, "Delete a group.", "DELETE /v3/groups/{group_id}"),
    _project_rule("list_users_in_group", _GROUP_READ, "List a group's users.", "GET /v3/groups/{group_id}/users"),
    _project_rule(
        "remove_user_from_group", f"{_ADMIN} or (role:manager and {_BOTH})", "Take a user out.", f"DELETE {_MEMBER}"
    ),
    _project_rule(
        "check_user_in_group", f"{_READ} or (role:reader and {_BOTH})", "Check a membership.", f"HEAD {_MEMBER}"
    ),
    _project_rule("add_user_to_group", f"{_ADMIN} or (role:manager and {_BOTH})", "Put a user in.", f"PUT {_MEMBER}"),
)

_IMPLIES = "/v3/roles/{role_id}/implies"
_ROLES = (
    _project_rule(
        "get_role",
        f"{_READ} or (role:manager and rule:domain_managed_target_role)",
        "Show a role.",
        "GET /v3/roles/{role_id}",
    ),
    _project_rule(
        "list_roles", f"{_READ} or (role:manager and not domain_id:None)", "List global roles.", "GET /v3/roles"
    ),
    _rule("create_role", _ADMIN, "Create a role.", "POST /v3/roles"),
    _rule("update_role", _ADMIN, "Change a role.", "PATCH /v3/roles/{role_id}"),
    _rule("delete_role", _ADMIN, "Delete a role.", "DELETE /v3/roles/{role_id}"),
    _rule("get_domain_role", _READ, "Show a domain's role.", "GET /v3/roles/{role_id}"),
    _rule("list_domain_roles", _READ, "List a domain's roles.", "GET /v3/roles?domain_id={domain_id}"),
    _rule("create_domain_role", _ADMIN, "Create a domain's role.", "POST /v3/roles"),
    _rule("update_domain_role", _ADMIN, "Change a domain's role.", "PATCH /v3/roles/{role_id}"),
    _rule("delete_domain_role", _ADMIN, "Delete a domain's role.", "DELETE /v3/roles/{role_id}"),
    _rule("get_implied_role", _READ, "Show an implication.", f"GET {_IMPLIES}/{{implied_role_id}}"),
    _rule("list_implied_roles", _READ, "List what a role implies.", f"GET {_IMPLIES}"),
    _rule("create_implied_role", _ADMIN, "Make a role imply another.", f"PUT {_IMPLIES}/{{implied_role_id}}"),
    _rule("delete_implied_role", _ADMIN, "End an implication.", f"DELETE {_IMPLIES}/{{implied_role_id}}"),
    _rule("list_role_inference_rules", _READ, "List every implication.", "GET /v3/role_inferences"),
    _rule("check_implied_role", _READ, "Check an implication.", f"HEAD {_IMPLIES}/{{implied_role_id}}"),
)

_GRANT = "/v3/{targets}/{target_id}/{actors}/{actor_id}/roles/{role_id}"
_SYSTEM = "/v3/system/{actors}/{actor_id}/roles"
_GRANTS = (
    _project_rule(
        "check_grant", f"{_READ} or ({_grants('reader')} and {_ROLE_FITS})", "Check a role.", f"GET {_GRANT}"
    ),
    _project_rule(
        "list_grants",
        f"{_READ} or {_grants('reader')}",
        "List an actor's roles on a target.",
        "GET /v3/{targets}/{target_id}/{actors}/{actor_id}/roles",
    ),
    _project_rule("create_grant", _GRANT_CHANGE, "Give a role.", f"PUT {_GRANT}"),
    _project_rule("revoke_grant", _GRANT_CHANGE, "Take a role away.", f"DELETE {_GRANT}"),
    *(
        rule
        for actor in ("user", "group")
        for rule in (
            _rule(
                f"list_system_grants_for_{actor}", _READ, f"List a {actor}'s roles on the system.", f"GET {_SYSTEM}"
            ),
            _rule(
                f"check_system_grant_for_{actor}",
                _READ,
                f"Check a {actor}'s role on the system.",
                f"GET {_SYSTEM}/{{role_id}}",
            ),
            _rule(
                f"create_system_grant_for_{actor}",
                _ADMIN,
                f"Give a {actor} a role on the system.",
                f"PUT {_SYSTEM}/{{role_id}}",
            ),
            _rule(
                f"revoke_system_grant_for_{actor}",
                _ADMIN,
                f"Take a {actor}'s role on the system.",
                f"DELETE {_SYSTEM}/{{role_id}}",
            ),
        )
    ),
    _project_rule(
        "list_role_assignments",
        f"{_READ} or {_in('target.domain_id', 'reader')}",
        "List assignments.",
        "GET /v3/role_assignments",
    ),
    _project_rule(
        "list_role_assignments_for_tree",
        f"{_READ} or {_in('target.domain_id', 'reader')}",
        "List assignments of a project and those below it.",
        "GET /v3/role_assignments?include_subtree",
    ),
)

_CREDENTIALS = (
    _project_rule(
        "get_credential", f"{_READ} or {_HOLDER}", "Show a credential.", "GET /v3/credentials/{credential_id}"
    ),
    _project_rule("list_credentials", f"{_READ} or {_HOLDER}", "List credentials.", "GET /v3/credentials"),
    _project_rule("create_credential", f"{_ADMIN} or {_HOLDER}", "Create a credential.", "POST /v3/credentials"),
    _project_rule(
        "update_credential", f"{_ADMIN} or {_HOLDER}", "Change a credential.", "PATCH /v3/credentials/{credential_id}"
    ),
    _project_rule(
        "delete_credential", f"{_ADMIN} or {_HOLDER}", "Delete a credential.", "DELETE /v3/credentials/{credential_id}"
    ),
    _rule(
        "ec2_get_credential",
        f"{_READ} or {_HOLDER}",
        "Show an EC2 credential.",
        "GET /v3/users/{user_id}/credentials/OS-EC2/{credential_id}",
    ),
    _rule(
        "ec2_list_credentials",
        f"{_READ} or rule:owner",
        "List EC2 credentials.",
        "GET /v3/users/{user_id}/credentials/OS-EC2",
    ),
    _rule(
        "ec2_create_credential",
        f"{_ADMIN} or (role:member and {_HOLDER})",
        "Create an EC2 credential.",
        "POST /v3/users/{user_id}/credentials/OS-EC2",
    ),
    _rule(
        "ec2_delete_credential",
        f"{_ADMIN} or (role:member and {_HOLDER})",
        "Delete an EC2 credential.",
        "DELETE /v3/users/{user_id}/credentials/OS-EC2/{credential_id}",
    ),
)

_APPS = "/v3/users/{user_id}/application_credentials"
_PATHS = "/v3/users/{user_id}/access_rules"
_APPLICATION_CREDENTIALS = (
    _rule(
        "get_application_credential",
        f"{_READ} or rule:owner",
        "Show an application credential.",
        f"GET {_APPS}/{{application_credential_id}}",
    ),
    _rule("list_application_credentials", f"{_READ} or rule:owner", "List application credentials.", f"GET {_APPS}"),
    _rule(
        "create_application_credential",
        _OWNER,
        "Create an application credential.",
        f"POST {_APPS}",
        scopes=("project",),
    ),
    _rule(
        "delete_application_credential",
        "rule:admin_required or rule:owner",
        "Delete an application credential.",
        f"DELETE {_APPS}/{{application_credential_id}}",
    ),
    _rule(
        "get_access_rule", f"{_SYSTEM_READER} or {_SELF}", "Show an access rule.", f"GET {_PATHS}/{{access_rule_id}}"
    ),
    _rule("list_access_rules", f"{_SYSTEM_READER} or {_SELF}", "List access rules.", f"GET {_PATHS}"),
    _rule(
        "delete_access_rule",
        f"{_SYSTEM_ADMIN} or {_SELF}",
        "Delete an access rule.",
        f"DELETE {_PATHS}/{{access_rule_id}}",
    ),
)

_LIMIT_READ = (
    f"{_READ} or (domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s) or "
    "(project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)"
)
_LIMITS = (
    _project_rule("get_limit_model", "", "Show how limits are enforced.", "GET /v3/limits/model"),
    *_crud(
        "limit",
        "limits",
        "/v3/limits",
        what="a limit",
        create="create_limits",
        listed="",
        shown=_LIMIT_READ,
        scopes=_EVERY_SCOPE,
    ),
    *_crud(
        "registered_limit",
        "registered_limits",
        "/v3/registered_limits",
        what="a registered limit",
        create="create_registered_limits",
        listed="",
        shown="",
        scopes=_EVERY_SCOPE,
    ),
)

POLICIES: tuple[Rule, ...] = (
    *_BASE,
    *_TOKENS,
    *_DOMAINS,
    *_PROJECTS,
    *_USERS,
    *_GROUPS,
    *_ROLES,
    *_GRANTS,
    *_CREDENTIALS,
    *_APPLICATION_CREDENTIALS,
    *_crud("region", "regions", "/v3/regions", what="a region", listed="", shown="", scopes=_EVERY_SCOPE),
    *_crud("service", "services", "/v3/services", what="a service"),
    *_crud("endpoint", "endpoints", "/v3/endpoints", what="an endpoint"),
    *_crud("policy", "policies", "/v3/policies", what="a policy"),
    *_LIMITS,
)  # fmt: skip
