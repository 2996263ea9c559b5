"""Quotas: one engine for all rooms. Usage is a query over the ledger rows, so it can neither drift nor be raced.

A room declares `Resource`s. `check` runs in the transaction that will use the
resource: it locks the project's quota row first, then counts, then compares.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
import sqlalchemy as sa

from unkai.kernel.errors import QuotaExceeded
from unkai.kernel.store import Tx, lock_row, tables, upsert

UNLIMITED = -1

locks = sa.Table("quota_locks", tables, sa.Column("project_id", sa.String(64), primary_key=True))

limits = sa.Table(
    "quota_limits",
    tables,
    sa.Column("project_id", sa.String(64), primary_key=True),
    sa.Column("service", sa.String(32), primary_key=True),
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("hard_limit", sa.BigInteger, nullable=False),
)

class_limits = sa.Table(
    "quota_class_limits",
    tables,
    sa.Column("class_name", sa.String(255), primary_key=True),
    sa.Column("service", sa.String(32), primary_key=True),
    sa.Column("resource", sa.String(64), primary_key=True),
    sa.Column("hard_limit", sa.BigInteger, nullable=False),
)


class Resource(msgspec.Struct, frozen=True):
    """Something counted. `usage` maps (tx, project id) to how much of this resource is used, and of every other
    resource that the same query answers."""

    service: str
    name: str
    default: int
    usage: Callable[[Tx, str], Mapping[str, int]]


class Quota:
    """The engine over all rooms' resources."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_service: dict[str, dict[str, Resource]] = {}
        for resource in resources:
            self._by_service.setdefault(resource.service, {})[resource.name] = resource

    def names(self, service: str) -> list[str]:
        return list(self._by_service.get(service, {}))

    def defaults(self, tx: Tx, service: str) -> dict[str, int]:
        """Default limits: the `default` quota class over what the settings say."""
        found = {name: resource.default for name, resource in self._by_service.get(service, {}).items()}
        found.update(self.class_limits(tx, service, "default"))
        return found

    def class_limits(self, tx: Tx, service: str, class_name: str) -> dict[str, int]:
        """Only what was set for the class."""
        rows = tx.all(
            sa.select(class_limits.c.resource, class_limits.c.hard_limit).where(
                class_limits.c.class_name == class_name, class_limits.c.service == service
            )
        )
        return {row["resource"]: row["hard_limit"] for row in rows}

    def limits(self, tx: Tx, service: str, project_id: str) -> dict[str, int]:
        """Limits in force for a project; -1 is unlimited."""
        found = self.defaults(tx, service)
        rows = tx.all(
            sa.select(limits.c.resource, limits.c.hard_limit).where(
                limits.c.project_id == project_id, limits.c.service == service
            )
        )
        found.update({row["resource"]: row["hard_limit"] for row in rows if row["resource"] in found})
        return found

    def usage(self, tx: Tx, service: str, project_id: str, names: Iterable[str] | None = None) -> dict[str, int]:
        """How much of each resource the project uses now."""
        resources = self._by_service.get(service, {})
        wanted = list(resources) if names is None else list(names)
        found: dict[str, int] = {}
        for name in wanted:
            if name not in found:
                found.update(resources[name].usage(tx, project_id))
        return {name: found[name] for name in wanted}

    def check(self, tx: Tx, service: str, project_id: str, wanted: Mapping[str, int]) -> None:
        """Make sure that `wanted` more fits. Raises QuotaExceeded naming every resource that does not.

        Must run in the transaction that inserts the rows: the lock holds until its commit.
        """
        self.lock(tx, project_id)
        in_force = self.limits(tx, service, project_id)
        used = self.usage(tx, service, project_id, wanted)
        over = [
            name
            for name, amount in wanted.items()
            if amount > 0 and in_force[name] != UNLIMITED and used[name] + amount > in_force[name]
        ]
        if over:
            raise QuotaExceeded(
                resources=", ".join(over),
                requested=", ".join(str(wanted[name]) for name in over),
                used=", ".join(str(used[name]) for name in over),
                limit=", ".join(str(in_force[name]) for name in over),
            )

    def lock(self, tx: Tx, project_id: str) -> None:
        """Hold the project's quota row until the commit."""
        upsert(tx, locks, {"project_id": project_id}, ["project_id"])
        lock_row(tx, sa.select(locks).where(locks.c.project_id == project_id))

    def set_limits(self, tx: Tx, service: str, project_id: str, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            upsert(
                tx,
                limits,
                {"project_id": project_id, "service": service, "resource": name, "hard_limit": value},
                ["project_id", "service", "resource"],
            )

    def set_class_limits(self, tx: Tx, service: str, class_name: str, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            upsert(
                tx,
                class_limits,
                {"class_name": class_name, "service": service, "resource": name, "hard_limit": value},
                ["class_name", "service", "resource"],
            )

    def reset(self, tx: Tx, service: str, project_id: str) -> None:
        """Back to the defaults."""
        tx.execute(sa.delete(limits).where(limits.c.project_id == project_id, limits.c.service == service))
