"""Permissions of Compute: upstream's rule names and today's defaults (secure role-based access).

Admins do everything; managers, members and readers act within their project. `legacy` names are those that an
operator's older policy file may hold (FLV-010: compute_extension:flavormanage).
"""

from unkai.kernel.policy import Rule

ADMIN = "rule:context_is_admin"
MEMBER = "rule:project_member_or_admin"
READER = "rule:project_reader_or_admin"
SERVICE = "rule:service_or_admin"
ANYONE = "@"
OWNER = "(rule:context_is_admin) or user_id:%(user_id)s"

_BASE = (
    ("context_is_admin", "role:admin", "The caller administers the cloud.", "rule:admin_api"),
    ("admin_api", "is_admin:True", "An older name for administrators.", ""),
    ("admin_or_owner", "is_admin:True or project_id:%(project_id)s", "Older: the project's own, or an admin.", ""),
    ("project_manager_api", "role:manager and project_id:%(project_id)s", "A manager of the project.", ""),
    ("project_member_api", "role:member and project_id:%(project_id)s", "A member of the project.", ""),
    ("project_reader_api", "role:reader and project_id:%(project_id)s", "A reader of the project.", ""),
    ("service_api", "role:service", "Another service of the cloud.", ""),
    ("project_manager_or_admin", "rule:project_manager_api or rule:context_is_admin", "Manager or admin.", ""),
    ("project_member_or_admin", "rule:project_member_api or rule:context_is_admin", "Member or admin.", ""),
    ("project_reader_or_admin", "rule:project_reader_api or rule:context_is_admin", "Reader or admin.", ""),
    ("service_or_admin", "rule:service_api or rule:context_is_admin", "Service or admin.", ""),
)

_MANAGE = "compute_extension:flavormanage"
_SERVER = "/servers/{server_id}"
_ACT = "POST /servers/{server_id}/action"
_SPECS = "/flavors/{flavor_id}/os-extra_specs"

# name below os_compute_api: (or whole, when it has another prefix), default, what it permits, operation, older name
_RULES: tuple[tuple[str, ...], ...] = (
    ("extensions", ANYONE, "List extensions and show one.", "GET /extensions"),
    ("limits", ANYONE, "Show the own project's limits.", "GET /limits"),
    ("limits:other_project", ADMIN, "Show another project's limits.", "GET /limits", "os-used-limits"),
    # flavors
    ("os-flavor-manage:create", ADMIN, "Create a flavor.", "POST /flavors", _MANAGE),
    ("os-flavor-manage:update", ADMIN, "Change a flavor's description.", "PUT /flavors/{flavor_id}", _MANAGE),
    ("os-flavor-manage:delete", ADMIN, "Delete a flavor.", "DELETE /flavors/{flavor_id}", _MANAGE),
    ("os-flavor-access", ADMIN, "List who may use a flavor.", "GET /flavors/{flavor_id}/os-flavor-access"),
    ("os-flavor-access:add_tenant_access", ADMIN, "Let a project use a flavor.", "POST /flavors/{flavor_id}/action"),
    (
        "os-flavor-access:remove_tenant_access",
        ADMIN,
        "Take a flavor away from a project.",
        "POST /flavors/{flavor_id}/action",
    ),
    ("os-flavor-extra-specs:index", READER, "List a flavor's extra specs.", f"GET {_SPECS}"),
    ("os-flavor-extra-specs:show", READER, "Show an extra spec.", f"GET {_SPECS}/{{key}}"),
    ("os-flavor-extra-specs:create", ADMIN, "Set extra specs.", f"POST {_SPECS}"),
    ("os-flavor-extra-specs:update", ADMIN, "Change an extra spec.", f"PUT {_SPECS}/{{key}}"),
    ("os-flavor-extra-specs:delete", ADMIN, "Remove an extra spec.", f"DELETE {_SPECS}/{{key}}"),
    # key pairs
    ("os-keypairs:index", OWNER, "List key pairs of a user.", "GET /os-keypairs"),
    ("os-keypairs:show", OWNER, "Show a key pair of a user.", "GET /os-keypairs/{name}"),
    ("os-keypairs:create", OWNER, "Create or import a key pair for a user.", "POST /os-keypairs"),
    ("os-keypairs:delete", OWNER, "Delete a key pair of a user.", "DELETE /os-keypairs/{name}"),
    # server groups
    ("os-server-groups:index", READER, "List the project's server groups.", "GET /os-server-groups"),
    ("os-server-groups:index:all_projects", ADMIN, "List all server groups.", "GET /os-server-groups"),
    ("os-server-groups:show", READER, "Show a server group.", "GET /os-server-groups/{group_id}"),
    ("os-server-groups:create", MEMBER, "Create a server group.", "POST /os-server-groups"),
    ("os-server-groups:delete", MEMBER, "Delete a server group.", "DELETE /os-server-groups/{group_id}"),
    # quotas
    ("os-quota-sets:show", READER, "Show a project's quotas.", "GET /os-quota-sets/{id}"),
    ("os-quota-sets:detail", READER, "Show a project's quotas and their use.", "GET /os-quota-sets/{id}/detail"),
    ("os-quota-sets:defaults", ANYONE, "Show the default quotas.", "GET /os-quota-sets/{id}/defaults"),
    ("os-quota-sets:update", ADMIN, "Set a project's quotas.", "PUT /os-quota-sets/{id}"),
    ("os-quota-sets:delete", ADMIN, "Put a project's quotas back to the defaults.", "DELETE /os-quota-sets/{id}"),
    ("os-quota-class-sets:show", ADMIN, "Show a quota class.", "GET /os-quota-class-sets/{id}"),
    ("os-quota-class-sets:update", ADMIN, "Set the quotas of a class.", "PUT /os-quota-class-sets/{id}"),
    # hosts
    ("os-availability-zone:list", ANYONE, "List availability zones.", "GET /os-availability-zone"),
    ("os-availability-zone:detail", ADMIN, "List zones with their hosts.", "GET /os-availability-zone/detail"),
    ("os-hypervisors:list", ADMIN, "List hypervisors.", "GET /os-hypervisors", "os-hypervisors"),
    ("os-hypervisors:list-detail", ADMIN, "List hypervisors in detail.", "GET /os-hypervisors/detail"),
    ("os-hypervisors:statistics", ADMIN, "Sum up all hypervisors.", "GET /os-hypervisors/statistics"),
    ("os-hypervisors:show", ADMIN, "Show a hypervisor.", "GET /os-hypervisors/{id}"),
    ("os-hypervisors:uptime", ADMIN, "Show a hypervisor's uptime.", "GET /os-hypervisors/{id}/uptime"),
    ("os-hypervisors:search", ADMIN, "Find hypervisors by name.", "GET /os-hypervisors/{pattern}/search"),
    ("os-hypervisors:servers", ADMIN, "List the servers of hypervisors.", "GET /os-hypervisors/{pattern}/servers"),
    ("os-services:list", ADMIN, "List services.", "GET /os-services", "os-services"),
    ("os-services:update", ADMIN, "Enable, disable or force down a service.", "PUT /os-services/{id}"),
    ("os-services:delete", ADMIN, "Forget a service.", "DELETE /os-services/{id}"),
    ("os-hosts:list", ADMIN, "List hosts.", "GET /os-hosts", "os-hosts"),
    ("os-hosts:show", ADMIN, "Show a host's use.", "GET /os-hosts/{host}"),
    ("os-hosts:update", ADMIN, "Enable or disable a host.", "PUT /os-hosts/{host}"),
    ("os-hosts:start", ADMIN, "Start a host.", "GET /os-hosts/{host}/startup"),
    ("os-hosts:shutdown", ADMIN, "Shut a host down.", "GET /os-hosts/{host}/shutdown"),
    ("os-hosts:reboot", ADMIN, "Reboot a host.", "GET /os-hosts/{host}/reboot"),
    ("os-aggregates:index", ADMIN, "List aggregates.", "GET /os-aggregates"),
    ("os-aggregates:show", ADMIN, "Show an aggregate.", "GET /os-aggregates/{id}"),
    ("os-aggregates:create", ADMIN, "Create an aggregate.", "POST /os-aggregates"),
    ("os-aggregates:update", ADMIN, "Change an aggregate.", "PUT /os-aggregates/{id}"),
    ("os-aggregates:delete", ADMIN, "Delete an aggregate.", "DELETE /os-aggregates/{id}"),
    ("os-aggregates:add_host", ADMIN, "Put a host into an aggregate.", "POST /os-aggregates/{id}/action"),
    ("os-aggregates:remove_host", ADMIN, "Take a host out of an aggregate.", "POST /os-aggregates/{id}/action"),
    ("os-aggregates:set_metadata", ADMIN, "Set an aggregate's metadata.", "POST /os-aggregates/{id}/action"),
    ("os-simple-tenant-usage:show", READER, "Show a project's use.", "GET /os-simple-tenant-usage/{id}"),
    ("os-simple-tenant-usage:list", ADMIN, "List all projects' use.", "GET /os-simple-tenant-usage"),
    # servers
    ("servers:index", READER, "List servers.", "GET /servers"),
    ("servers:detail", READER, "List servers in detail.", "GET /servers/detail"),
    ("servers:index:get_all_tenants", ADMIN, "List every project's servers.", "GET /servers"),
    ("servers:detail:get_all_tenants", ADMIN, "List every project's servers in detail.", "GET /servers/detail"),
    ("servers:allow_all_filters", ADMIN, "Filter lists by any field.", "GET /servers"),
    ("servers:show", READER, "Show a server.", f"GET {_SERVER}"),
    (
        "servers:show:flavor-extra-specs",
        READER,
        "See extra specs of a server's flavor.",
        f"GET {_SERVER}",
        "os-flavor-extra-specs:index",
    ),
    ("servers:show:host_status", ADMIN, "See the state of a server's host.", f"GET {_SERVER}"),
    ("servers:show:host_status:unknown-only", ADMIN, "See when the state of the host is unknown.", f"GET {_SERVER}"),
    ("os-extended-server-attributes", ADMIN, "See a server's host and other inner attributes.", f"GET {_SERVER}"),
    ("servers:create", MEMBER, "Create a server.", "POST /servers"),
    ("servers:create:forced_host", ADMIN, "Create a server on a host, past the filters.", "POST /servers"),
    ("compute:servers:create:requested_destination", ADMIN, "Create a server on a named host.", "POST /servers"),
    ("servers:create:attach_volume", MEMBER, "Create a server with block devices.", "POST /servers"),
    ("servers:create:attach_network", MEMBER, "Create a server with networks.", "POST /servers"),
    ("servers:create:trusted_certs", MEMBER, "Create a server with trusted certificates.", "POST /servers"),
    (
        "servers:create:zero_disk_flavor",
        ADMIN,
        "Create a server from an image with a flavor without a disk.",
        "POST /servers",
    ),
    ("network:attach_external_network", ADMIN, "Plug a server into an external network.", "POST /servers"),
    ("servers:delete", MEMBER, "Delete a server.", f"DELETE {_SERVER}"),
    ("servers:update", MEMBER, "Change a server.", f"PUT {_SERVER}"),
    ("servers:reboot", MEMBER, "Reboot a server.", f"{_ACT} (reboot)"),
    ("servers:start", MEMBER, "Start a server.", f"{_ACT} (os-start)"),
    ("servers:stop", MEMBER, "Stop a server.", f"{_ACT} (os-stop)"),
    ("os-admin-actions:reset_state", ADMIN, "Set a server's state by hand.", f"{_ACT} (os-resetState)"),
    ("os-lock-server:lock", MEMBER, "Lock a server.", f"{_ACT} (lock)"),
    ("os-lock-server:unlock", MEMBER, "Unlock a server.", f"{_ACT} (unlock)"),
    ("os-lock-server:unlock:unlock_override", ADMIN, "Unlock what another locked.", f"{_ACT} (unlock)"),
    ("os-console-output", MEMBER, "Read a server's console log.", f"{_ACT} (os-getConsoleOutput)"),
    (
        "os-security-groups:list",
        READER,
        "List a server's security groups.",
        f"GET {_SERVER}/os-security-groups",
        "os-security-groups",
    ),
    ("os-security-groups:add", MEMBER, "Add a security group to a server.", f"{_ACT} (addSecurityGroup)"),
    ("os-security-groups:remove", MEMBER, "Take a security group from a server.", f"{_ACT} (removeSecurityGroup)"),
    ("os-server-diagnostics", ADMIN, "Read a server's diagnostics.", f"GET {_SERVER}/diagnostics"),
    ("os-server-password:show", READER, "Read a server's encrypted password.", f"GET {_SERVER}/os-server-password"),
    ("os-server-password:clear", MEMBER, "Forget a server's password.", f"DELETE {_SERVER}/os-server-password"),
    ("server-metadata:index", READER, "List a server's metadata.", f"GET {_SERVER}/metadata"),
    ("server-metadata:show", READER, "Show a metadata item.", f"GET {_SERVER}/metadata/{{key}}"),
    ("server-metadata:create", MEMBER, "Add metadata.", f"POST {_SERVER}/metadata"),
    ("server-metadata:update_all", MEMBER, "Replace all metadata.", f"PUT {_SERVER}/metadata"),
    ("server-metadata:update", MEMBER, "Set a metadata item.", f"PUT {_SERVER}/metadata/{{key}}"),
    ("server-metadata:delete", MEMBER, "Remove a metadata item.", f"DELETE {_SERVER}/metadata/{{key}}"),
    ("os-server-tags:index", READER, "List a server's tags.", f"GET {_SERVER}/tags"),
    ("os-server-tags:show", READER, "Ask for a tag.", f"GET {_SERVER}/tags/{{tag}}"),
    ("os-server-tags:update", MEMBER, "Add a tag.", f"PUT {_SERVER}/tags/{{tag}}"),
    ("os-server-tags:update_all", MEMBER, "Replace all tags.", f"PUT {_SERVER}/tags"),
    ("os-server-tags:delete", MEMBER, "Remove a tag.", f"DELETE {_SERVER}/tags/{{tag}}"),
    ("os-server-tags:delete_all", MEMBER, "Remove all tags.", f"DELETE {_SERVER}/tags"),
    ("ips:index", READER, "List a server's addresses.", f"GET {_SERVER}/ips"),
    ("ips:show", READER, "Show a server's addresses on a network.", f"GET {_SERVER}/ips/{{label}}"),
    ("os-attach-interfaces:list", READER, "List a server's interfaces.", f"GET {_SERVER}/os-interface"),
    ("os-attach-interfaces:show", READER, "Show an interface.", f"GET {_SERVER}/os-interface/{{port_id}}"),
    ("os-instance-actions:list", READER, "List what was done to a server.", f"GET {_SERVER}/os-instance-actions"),
    ("os-instance-actions:show", READER, "Show an action.", f"GET {_SERVER}/os-instance-actions/{{request_id}}"),
    (
        "os-instance-actions:events",
        ADMIN,
        "See an action's events, hosts and tracebacks.",
        f"GET {_SERVER}/os-instance-actions/{{request_id}}",
    ),
    (
        "os-instance-actions:events:details",
        ADMIN,
        "See the details of failed events.",
        f"GET {_SERVER}/os-instance-actions/{{request_id}}",
    ),
)


def _rule(name: str, check: str, text: str, operation: str, older: str = "") -> Rule:
    whole = name if name.startswith(("compute:", "network:")) else f"os_compute_api:{name}"
    legacy = (older if older.startswith("compute_extension:") else f"os_compute_api:{older}",) if older else ()
    return Rule(whole, check, text, (operation,), ("project",), legacy)


RULES = (
    *(Rule(name, check, text, legacy=(older,) if older else ()) for name, check, text, older in _BASE),
    *(_rule(*row) for row in _RULES),
)
