"""The tables of the image room."""

import sqlalchemy as sa

from unkai.kernel.columns import Time
from unkai.kernel.store import tables

# Rows of deleted images stay (`deleted_at`): their ids are not given out again, and what was made of them can still
# be explained. `purge` removes them.
images = sa.Table(
    "image_images",
    tables,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(255)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("visibility", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(255)),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("os_hidden", sa.Boolean, nullable=False),
    sa.Column("min_disk", sa.Integer, nullable=False),
    sa.Column("min_ram", sa.Integer, nullable=False),
    sa.Column("disk_format", sa.String(64)),
    sa.Column("container_format", sa.String(64)),
    sa.Column("size", sa.BigInteger),
    sa.Column("virtual_size", sa.BigInteger),
    sa.Column("checksum", sa.String(32)),
    sa.Column("os_hash_algo", sa.String(64)),
    sa.Column("os_hash_value", sa.String(128)),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("deleted_at", Time),
    sa.Index("ix_image_images_owner", "owner"),
    sa.Index("ix_image_images_visibility", "visibility"),
    sa.Index("ix_image_images_created_at", "created_at", "id"),
)


def _image_id(**options: bool) -> sa.Column[str]:
    return sa.Column("image_id", sa.String(36), sa.ForeignKey("image_images.id"), **options)  # type: ignore[arg-type]


properties = sa.Table(
    "image_properties",
    tables,
    _image_id(primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Index("ix_image_properties_name", "name"),
)

tags = sa.Table(
    "image_tags",
    tables,
    _image_id(primary_key=True),
    sa.Column("value", sa.String(255), primary_key=True),
    sa.Index("ix_image_tags_value", "value"),
)

members = sa.Table(
    "image_members",
    tables,
    _image_id(primary_key=True),
    sa.Column("member", sa.String(255), primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Index("ix_image_members_member", "member"),
)

# Where an image's data lies: one row per store that has it.
locations = sa.Table(
    "image_locations",
    tables,
    _image_id(primary_key=True),
    sa.Column("store", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.UniqueConstraint("store", "key"),
)

# An image's data is being written. The id is the fencing token and the file's name; `lease_until` is in microseconds
# of the database's clock. One upload per image.
uploads = sa.Table(
    "image_uploads",
    tables,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("image_id", sa.String(36), sa.ForeignKey("image_images.id"), nullable=False, unique=True),
    sa.Column("store", sa.String(64), nullable=False),
    sa.Column("process", sa.String(36), nullable=False),
    sa.Column("lease_until", sa.BigInteger, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Index("ix_image_uploads_process", "process"),
)

# Data that belongs to no image any more and is to be removed from its store: written with the deletion, so that a
# crash between the two leaves nothing behind.
trash = sa.Table(
    "image_trash",
    tables,
    sa.Column("store", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("image_id", sa.String(36), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)
