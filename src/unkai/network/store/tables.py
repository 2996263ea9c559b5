"""The room's tables. Addresses are text in their canonical form; what nothing searches for is JSON."""

import sqlalchemy as sa

from unkai.kernel.columns import Json, Time
from unkai.kernel.store import tables

_ID = sa.String(36)
_PROJECT = sa.String(64)
_NAME = sa.String(255)


def _standard() -> list[sa.Column[object]]:
    """What upstream gives every resource."""
    return [
        sa.Column("description", sa.String(255), nullable=False, default=""),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
        sa.Column("revision_number", sa.BigInteger, nullable=False, default=0),
    ]


networks = sa.Table(
    "network_networks",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("external", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("mtu", sa.Integer, nullable=False),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("network_type", sa.String(32), nullable=False),
    sa.Column("physical_network", sa.String(64)),
    sa.Column("segmentation_id", sa.BigInteger),
    # "flat:public", "vlan:physnet1:100", "geneve:7": no two networks on one segment.
    sa.Column("segment", sa.String(128), unique=True),
    *_standard(),
)

subnets = sa.Table(
    "network_subnets",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("network_id", _ID, sa.ForeignKey("network_networks.id"), nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("cidr", sa.String(64), nullable=False),
    sa.Column("gateway_ip", sa.String(64)),
    sa.Column("enable_dhcp", sa.Boolean, nullable=False),
    sa.Column("ipv6_ra_mode", sa.String(32)),
    sa.Column("ipv6_address_mode", sa.String(32)),
    sa.Column("allocation_pools", Json, nullable=False),
    sa.Column("dns_nameservers", Json, nullable=False),
    sa.Column("host_routes", Json, nullable=False),
    sa.Column("service_types", Json, nullable=False),
    sa.Column("subnetpool_id", _ID, index=True),
    *_standard(),
)

ports = sa.Table(
    "network_ports",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("network_id", _ID, sa.ForeignKey("network_networks.id"), nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("mac_address", sa.String(32), nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("device_id", _NAME, nullable=False, index=True),
    sa.Column("device_owner", _NAME, nullable=False, index=True),
    sa.Column("port_security_enabled", sa.Boolean, nullable=False),
    sa.Column("host", _NAME, nullable=False),
    sa.Column("chassis", _NAME, nullable=False),
    sa.Column("vnic_type", sa.String(64), nullable=False),
    sa.Column("profile", Json, nullable=False),
    sa.Column("allowed_address_pairs", Json, nullable=False),
    sa.Column("extra_dhcp_opts", Json, nullable=False),
    # Made for a server by Compute, which therefore deletes it with the server; others are only let go.
    sa.Column("owned_by_device", sa.Boolean, nullable=False),
    # The order of a device's interfaces; -1 for a port that the cloud did not give to its device.
    sa.Column("position", sa.Integer, nullable=False),
    *_standard(),
    sa.UniqueConstraint("network_id", "mac_address"),
)

addresses = sa.Table(
    "network_addresses",
    tables,
    sa.Column("subnet_id", _ID, sa.ForeignKey("network_subnets.id"), primary_key=True),
    sa.Column("ip_address", sa.String(64), primary_key=True),
    sa.Column("port_id", _ID, sa.ForeignKey("network_ports.id"), nullable=False, index=True),
    # Distance from the subnet's first address: where the gaps are is then a question for the database. NULL beyond
    # what fits (IPv6 addresses made from MACs, which nobody searches gaps among).
    sa.Column("number", sa.BigInteger),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Index("ix_network_addresses_subnet_number", "subnet_id", "number"),
    sa.Index("ix_network_addresses_ip", "ip_address"),
)

security_groups = sa.Table(
    "network_security_groups",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("stateful", sa.Boolean, nullable=False),
    *_standard(),
)

default_groups = sa.Table(
    "network_default_groups",
    tables,
    sa.Column("project_id", _PROJECT, primary_key=True),
    sa.Column("security_group_id", _ID, sa.ForeignKey("network_security_groups.id"), nullable=False, unique=True),
)

rules = sa.Table(
    "network_security_group_rules",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("security_group_id", _ID, sa.ForeignKey("network_security_groups.id"), nullable=False, index=True),
    sa.Column("direction", sa.String(16), nullable=False),
    sa.Column("ethertype", sa.String(16), nullable=False),
    sa.Column("protocol", sa.String(40)),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_ip_prefix", sa.String(64)),
    sa.Column("normalized_cidr", sa.String(64)),
    sa.Column("remote_group_id", _ID, sa.ForeignKey("network_security_groups.id"), index=True),
    *_standard(),
)

port_groups = sa.Table(
    "network_port_security_groups",
    tables,
    sa.Column("port_id", _ID, sa.ForeignKey("network_ports.id"), primary_key=True),
    sa.Column("security_group_id", _ID, sa.ForeignKey("network_security_groups.id"), primary_key=True, index=True),
)

routers = sa.Table(
    "network_routers",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("gateway_port_id", _ID, unique=True),
    sa.Column("enable_snat", sa.Boolean, nullable=False),
    sa.Column("routes", Json, nullable=False),
    *_standard(),
)

floating_ips = sa.Table(
    "network_floating_ips",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("floating_network_id", _ID, nullable=False, index=True),
    sa.Column("floating_port_id", _ID, nullable=False, unique=True),
    sa.Column("floating_ip_address", sa.String(64), nullable=False),
    sa.Column("port_id", _ID, index=True),
    sa.Column("fixed_ip_address", sa.String(64)),
    sa.Column("router_id", _ID, index=True),
    sa.Column("status", sa.String(16), nullable=False),
    *_standard(),
    # One floating IP per fixed address and external network.
    sa.UniqueConstraint("floating_network_id", "port_id", "fixed_ip_address"),
)

subnetpools = sa.Table(
    "network_subnetpools",
    tables,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("project_id", _PROJECT, nullable=False, index=True),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("prefixes", Json, nullable=False),
    sa.Column("min_prefixlen", sa.Integer, nullable=False),
    sa.Column("max_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_quota", sa.BigInteger),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    *_standard(),
)

tags = sa.Table(
    "network_tags",
    tables,
    sa.Column("resource_id", _ID, primary_key=True),
    sa.Column("tag", sa.String(255), primary_key=True),
)

# What OVN has not been told yet. `token` is new with every change, so that the writer only removes what it rendered.
pending = sa.Table(
    "network_pending",
    tables,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("object_id", _ID, primary_key=True),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("since", Time, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", Time, nullable=False, index=True),
    sa.Column("error", sa.Text, nullable=False),
)

# Rows to lock where there is no row of the thing itself yet (choosing a tunnel id, making a project's default group).
locks = sa.Table("network_locks", tables, sa.Column("name", sa.String(128), primary_key=True))

__all__ = [
    "addresses",
    "default_groups",
    "floating_ips",
    "locks",
    "networks",
    "pending",
    "port_groups",
    "ports",
    "routers",
    "rules",
    "security_groups",
    "subnetpools",
    "subnets",
    "tags",
]
