"""Statements on flavors. A project sees public flavors and the private ones it was given; the system sees all."""

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from unkai.compute.flavor import Flavor
from unkai.compute.store.tables import flavor_access, flavors, seeds
from unkai.kernel.clock import utcnow
from unkai.kernel.paging import Page, order
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx

SORTABLE: Mapping[str, sa.ColumnElement[Any]] = {
    "created_at": flavors.c.created_at,
    "description": flavors.c.description,
    "disabled": flavors.c.disabled,
    "ephemeral_gb": flavors.c.ephemeral_gb,
    "flavorid": flavors.c.flavor_id,
    "id": flavors.c.id,
    "is_public": flavors.c.is_public,
    "memory_mb": flavors.c.memory_mb,
    "name": flavors.c.name,
    "root_gb": flavors.c.root_gb,
    "rxtx_factor": flavors.c.rxtx_factor,
    "swap": flavors.c.swap_mb,
    "updated_at": flavors.c.updated_at,
    "vcpu_weight": flavors.c.id,
    "vcpus": flavors.c.vcpus,
}


class Filters(msgspec.Struct, frozen=True):
    """`is_public` None: public and private."""

    is_public: bool | None = True
    disabled: bool | None = None
    min_ram: int | None = None
    min_disk: int | None = None
    name: str | None = None


def _visible(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    if scope.kind == "system":
        return query
    if scope.kind != "project":
        return query.where(flavors.c.is_public.is_(True))
    given = sa.select(flavor_access.c.flavor).where(flavor_access.c.project_id == scope.id)
    return query.where(sa.or_(flavors.c.is_public.is_(True), flavors.c.id.in_(given)))


def by_flavor_id(tx: Tx, scope: Scope, flavor_id: str) -> Flavor | None:
    row = tx.first(_visible(sa.select(flavors).where(flavors.c.flavor_id == flavor_id), scope))
    return None if row is None else _flavor(row)


def by_name(tx: Tx, scope: Scope, name: str) -> Flavor | None:
    row = tx.first(_visible(sa.select(flavors).where(flavors.c.name == name), scope))
    return None if row is None else _flavor(row)


def listing(tx: Tx, scope: Scope, filters: Filters, page: Page, marker: Flavor | None) -> list[Flavor]:
    query = _visible(sa.select(flavors), scope)
    if filters.is_public is not None:
        given = sa.select(flavor_access.c.flavor).where(flavor_access.c.project_id == (scope.id or ""))
        public = flavors.c.is_public.is_(filters.is_public)
        # The private flavors that a project was given are in its list of public ones.
        query = query.where(sa.or_(public, flavors.c.id.in_(given)) if filters.is_public else public)
    if filters.disabled is not None:
        query = query.where(flavors.c.disabled.is_(filters.disabled))
    if filters.min_ram is not None:
        query = query.where(flavors.c.memory_mb >= filters.min_ram)
    if filters.min_disk is not None:
        query = query.where(flavors.c.root_gb >= filters.min_disk)
    if filters.name is not None:
        query = query.where(flavors.c.name == filters.name)
    values = None if marker is None else _sort_values(tx, marker)
    return [_flavor(row) for row in tx.all(order(query, SORTABLE, page, flavors.c.id, values))]


def _sort_values(tx: Tx, marker: Flavor) -> dict[str, Any]:
    columns = [column.label(name) for name, column in SORTABLE.items()]
    row = tx.first(sa.select(*columns).where(flavors.c.id == marker.id))
    return {} if row is None else dict(row)


def _system_only(scope: Scope) -> None:
    """Flavors are the cloud's: a verb that writes them must have been authorised for the system."""
    if scope.kind != "system":
        raise PermissionError("only the system changes flavors")


def insert(tx: Tx, scope: Scope, flavor: Flavor) -> Flavor:
    _system_only(scope)
    values = {name: getattr(flavor, name) for name in flavor.__struct_fields__ if name not in ("id", "created_at")}
    created = utcnow()
    result = tx.execute(sa.insert(flavors).values(**values, created_at=created).returning(flavors.c.id))
    return msgspec.structs.replace(flavor, id=result.scalar_one(), created_at=created)


def update(tx: Tx, scope: Scope, flavor: Flavor, **values: Any) -> Flavor:
    _system_only(scope)
    tx.execute(sa.update(flavors).where(flavors.c.id == flavor.id).values(**values, updated_at=utcnow()))
    return msgspec.structs.replace(flavor, **values)


def delete(tx: Tx, scope: Scope, flavor: Flavor) -> None:
    _system_only(scope)
    tx.execute(sa.delete(flavors).where(flavors.c.id == flavor.id))


def projects_of(tx: Tx, scope: Scope, flavor: Flavor) -> list[str]:
    _system_only(scope)
    return list(
        tx.scalars(
            sa.select(flavor_access.c.project_id)
            .where(flavor_access.c.flavor == flavor.id)
            .order_by(flavor_access.c.project_id)
        )
    )


def give(tx: Tx, scope: Scope, flavor: Flavor, project_id: str) -> None:
    _system_only(scope)
    tx.execute(sa.insert(flavor_access).values(flavor=flavor.id, project_id=project_id))


def take(tx: Tx, scope: Scope, flavor: Flavor, project_id: str) -> int:
    _system_only(scope)
    return tx.count(
        sa.delete(flavor_access).where(flavor_access.c.flavor == flavor.id, flavor_access.c.project_id == project_id)
    )


def sow(tx: Tx, scope: Scope, name: str) -> bool:
    """Note that a seed was put in. Returns False when it had been before."""
    if tx.scalar(sa.select(seeds.c.name).where(seeds.c.name == name)) is not None:
        return False
    tx.execute(sa.insert(seeds).values(name=name))
    return True


def _flavor(row: sa.RowMapping) -> Flavor:
    return Flavor(**{name: row[name] for name in Flavor.__struct_fields__})
