"""What other rooms may ask of the network: the interfaces of servers, security groups, and waiting for ports.

Plain functions within the caller's transaction; `wait_ports_active` and `sync_now` wait, and are awaited.
"""

from unkai.network.hosts import NetworkHost, register_hosts
from unkai.network.model import SecurityGroup, SecurityGroupRule
from unkai.network.service.access import quota_resources
from unkai.network.service.defaults import Defaults, ensure_defaults
from unkai.network.service.guests import (
    NetworkRequest,
    Nic,
    NicAddress,
    PlannedNic,
    add_security_group,
    bind_ports,
    create_ports,
    interfaces,
    interfaces_by_servers,
    nics_by_servers,
    release_ports,
    remove_security_group,
    security_groups_of,
    servers_with_ports,
    unbind_ports,
    validate_requests,
)
from unkai.network.service.security_groups import by_ids as security_groups_by_ids
from unkai.network.service.security_groups import ensure_default as ensure_default_security_group
from unkai.network.service.security_groups import resolve as resolve_security_groups
from unkai.network.service.waiting import wait_ports_active
from unkai.network.store.pending import count as count_pending
from unkai.network.wiring import sync_now

__all__ = [
    "Defaults",
    "NetworkHost",
    "NetworkRequest",
    "Nic",
    "NicAddress",
    "PlannedNic",
    "SecurityGroup",
    "SecurityGroupRule",
    "add_security_group",
    "bind_ports",
    "count_pending",
    "create_ports",
    "ensure_default_security_group",
    "ensure_defaults",
    "interfaces",
    "interfaces_by_servers",
    "nics_by_servers",
    "quota_resources",
    "register_hosts",
    "release_ports",
    "remove_security_group",
    "resolve_security_groups",
    "security_groups_by_ids",
    "security_groups_of",
    "servers_with_ports",
    "sync_now",
    "unbind_ports",
    "validate_requests",
    "wait_ports_active",
]
