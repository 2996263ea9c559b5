"""The tables of Compute.

Deleted servers stay as tombstones (`deleted` true) until they are purged: lists by `changes-since`, usage and
instance actions still show them.
"""

import sqlalchemy as sa

from unkai.kernel.columns import Json, Time
from unkai.kernel.columns import Sequence as RowNumber
from unkai.kernel.store import tables

flavors = sa.Table(
    "compute_flavors",
    tables,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("flavor_id", sa.String(255), nullable=False, unique=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("root_gb", sa.Integer, nullable=False),
    sa.Column("ephemeral_gb", sa.Integer, nullable=False),
    sa.Column("swap_mb", sa.Integer, nullable=False),
    sa.Column("rxtx_factor", sa.Float, nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("description", sa.Text),
    sa.Column("extra_specs", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time),
)

# Which projects may use a private flavor.
flavor_access = sa.Table(
    "compute_flavor_access",
    tables,
    sa.Column(
        "flavor", RowNumber, sa.ForeignKey("compute_flavors.id", ondelete="CASCADE"), primary_key=True,
        autoincrement=False,
    ),
    sa.Column("project_id", sa.String(255), primary_key=True),
)  # fmt: skip

# What the installation has put in once, so that what an operator deleted does not come back.
seeds = sa.Table("compute_seeds", tables, sa.Column("name", sa.String(64), primary_key=True))

keypairs = sa.Table(
    "compute_keypairs",
    tables,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("type", sa.String(8), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

groups = sa.Table(
    "compute_server_groups",
    tables,
    sa.Column("seq", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("project_id", sa.String(64), nullable=False, index=True),
    sa.Column("user_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("policy", sa.String(32), nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
)

servers = sa.Table(
    "compute_servers",
    tables,
    sa.Column("seq", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("project_id", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(64), nullable=False),
    # Names at the time of the request: the guest's metadata shows them, and Identity may forget them.
    sa.Column("project_name", sa.String(255), nullable=False, default=""),
    sa.Column("user_name", sa.String(255), nullable=False, default=""),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.String(255)),
    sa.Column("hostname", sa.String(255), nullable=False),
    # States: model.py
    sa.Column("vm_state", sa.String(32), nullable=False),
    sa.Column("task_state", sa.String(32)),
    sa.Column("power_state", sa.Integer, nullable=False, default=0),
    sa.Column("progress", sa.Integer, nullable=False, default=0),
    sa.Column("locked_by", sa.String(8)),
    sa.Column("locked_reason", sa.String(255)),
    sa.Column("fault", Json),
    # Where it is. `requested_zone` is the zone it is pinned to, `zone` the one it was placed in.
    sa.Column("host", sa.String(255)),
    sa.Column("node", sa.String(255)),
    sa.Column("host_id", sa.String(36)),
    sa.Column("zone", sa.String(255)),
    sa.Column("requested_zone", sa.String(255)),
    sa.Column("destination", Json),
    sa.Column("hints", Json, nullable=False),
    sa.Column("group_id", sa.String(36), index=True),
    # What it is made of. The flavor and the image's properties are copies: they may change or go.
    sa.Column("flavor_id", sa.String(255), nullable=False),
    sa.Column("flavor", Json, nullable=False),
    sa.Column("image_id", sa.String(36)),
    sa.Column("image", Json, nullable=False),
    sa.Column("kernel_id", sa.String(36)),
    sa.Column("ramdisk_id", sa.String(36)),
    sa.Column("disks", Json, nullable=False),
    sa.Column("root_device", sa.String(32)),
    sa.Column("key_name", sa.String(255)),
    sa.Column("key", Json),
    sa.Column("user_data", sa.Text),
    sa.Column("config_drive", sa.Boolean, nullable=False, default=False),
    sa.Column("auto_disk_config", sa.Boolean, nullable=False, default=False),
    sa.Column("files", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, default=1),
    # Known until the first boot only: it travels to the config drive and is then forgotten.
    sa.Column("admin_password", sa.String(255)),
    # What the guest has posted, encrypted with the user's key.
    sa.Column("posted_password", sa.Text, nullable=False, default=""),
    sa.Column("access_ip_v4", sa.String(15)),
    sa.Column("access_ip_v6", sa.String(45)),
    sa.Column("reservation_id", sa.String(32), nullable=False),
    sa.Column("launch_index", sa.Integer, nullable=False, default=0),
    # What quotas and usage count.
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("disk_gb", sa.Integer, nullable=False),
    # Tags of interfaces (2.32), by port.
    sa.Column("nic_tags", Json, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("launched_at", Time),
    sa.Column("terminated_at", Time),
    sa.Column("deleted_at", Time),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Index("ix_compute_servers_project", "project_id", "deleted", "created_at"),
    sa.Index("ix_compute_servers_host", "host", "deleted"),
    sa.Index("ix_compute_servers_created", "deleted", "created_at"),
    sa.Index("ix_compute_servers_updated", "updated_at"),
)

server_tags = sa.Table(
    "compute_server_tags",
    tables,
    sa.Column("server_id", sa.String(36), sa.ForeignKey("compute_servers.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag", sa.String(60), primary_key=True),
)

# EC2's ids of images are made of small numbers.
image_numbers = sa.Table(
    "compute_image_numbers",
    tables,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=True),
    sa.Column("image_id", sa.String(36), nullable=False, unique=True),
)

# Limits of single users within a project.
user_limits = sa.Table(
    "compute_user_limits",
    tables,
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(255), primary_key=True),
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("hard_limit", sa.BigInteger, nullable=False),
)
