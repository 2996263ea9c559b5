"""The ledger's tables."""

import sqlalchemy as sa

from unkai.kernel.columns import Sequence, Time
from unkai.kernel.store import tables

resource_classes = sa.Table(
    "placement_resource_classes",
    tables,
    # Only CUSTOM_ ones: the standard names come with the library.
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("updated_at", Time, nullable=False),
)

traits = sa.Table(
    "placement_traits",
    tables,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("updated_at", Time, nullable=False),
)

providers = sa.Table(
    "placement_providers",
    tables,
    sa.Column("id", Sequence, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.String(36), nullable=False, unique=True),
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("parent_id", Sequence, sa.ForeignKey("placement_providers.id"), index=True),
    # No foreign key: a root names itself, which is known only after its insert.
    sa.Column("root_id", Sequence, nullable=False, index=True),
    sa.Column("updated_at", Time, nullable=False),
    sqlite_autoincrement=True,  # an index that missed a removal must never meet another provider under the old number
)

provider_traits = sa.Table(
    "placement_provider_traits",
    tables,
    sa.Column("provider_id", Sequence, sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("trait", sa.String(255), primary_key=True, index=True),
)

provider_aggregates = sa.Table(
    "placement_provider_aggregates",
    tables,
    sa.Column("provider_id", Sequence, sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("aggregate", sa.String(36), primary_key=True, index=True),
)

inventories = sa.Table(
    "placement_inventories",
    tables,
    sa.Column("provider_id", Sequence, sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("resource_class", sa.String(255), primary_key=True, index=True),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),
    sa.Column("min_unit", sa.BigInteger, nullable=False),
    sa.Column("max_unit", sa.BigInteger, nullable=False),
    sa.Column("step_size", sa.BigInteger, nullable=False),
    sa.Column("allocation_ratio", sa.Double, nullable=False),
    # (total - reserved) * ratio, rounded down once, so that a claim compares whole numbers.
    sa.Column("capacity", sa.BigInteger, nullable=False),
    # The sum of the allocations, written in the statements that write them.
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.CheckConstraint("used >= 0", name="used_not_negative"),
)

consumers = sa.Table(
    "placement_consumers",
    tables,
    sa.Column("uuid", sa.String(36), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("project_id", sa.String(255), nullable=False, index=True),
    sa.Column("user_id", sa.String(255), nullable=False),
    sa.Column("type", sa.String(255)),
    sa.Column("updated_at", Time, nullable=False),
)

allocations = sa.Table(
    "placement_allocations",
    tables,
    sa.Column("consumer_uuid", sa.String(36), sa.ForeignKey("placement_consumers.uuid"), primary_key=True),
    sa.Column("provider_id", Sequence, sa.ForeignKey("placement_providers.id"), primary_key=True),
    sa.Column("resource_class", sa.String(255), primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Index("ix_placement_allocations_provider", "provider_id", "resource_class"),
)

# Which providers changed, for indexes to follow. `tx` is the writing transaction's number (PostgreSQL), because there
# sequence order is not commit order: see store/changes.py.
changes = sa.Table(
    "placement_changes",
    tables,
    sa.Column("seq", Sequence, primary_key=True, autoincrement=True),
    sa.Column("provider_id", Sequence, nullable=False),
    sa.Column("tx", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
)
