"""Providers, their traits and aggregates, and the names an operator added."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from unkai.kernel.clock import utcnow
from unkai.kernel.store import Tx
from unkai.placement.model import Provider
from unkai.placement.store.insert import unless_taken
from unkai.placement.store.rows import tuples
from unkai.placement.store.tables import (
    allocations,
    inventories,
    provider_aggregates,
    provider_traits,
    providers,
    resource_classes,
    traits,
)

_parent = providers.alias("parent")
_root = providers.alias("root")
_select = (
    sa.select(providers, _parent.c.uuid.label("parent_uuid"), _root.c.uuid.label("root_uuid"))
    .join(_root, _root.c.id == providers.c.root_id)
    .outerjoin(_parent, _parent.c.id == providers.c.parent_id)
)


class Filter(msgspec.Struct, frozen=True):
    """What a list of providers is limited to (upstream API: query of GET /resource_providers).

    `member_of` are alternatives that must each be met; a trait alternative likewise. `resources` are amounts that
    must still be free. `tree` is the uuid of any provider of the tree.
    """

    name: str | None = None
    uuid: str | None = None
    tree: str | None = None
    member_of: tuple[frozenset[str], ...] = ()
    not_member_of: frozenset[str] = frozenset()
    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()
    resources: Mapping[str, int] = {}


def _provider(row: sa.RowMapping) -> Provider:
    return Provider(
        id=row["id"],
        uuid=row["uuid"],
        name=row["name"],
        generation=row["generation"],
        parent_uuid=row["parent_uuid"],
        root_uuid=row["root_uuid"],
        updated_at=row["updated_at"],
    )


def by_uuid(tx: Tx, uuid: str) -> Provider | None:
    row = tx.first(_select.where(providers.c.uuid == uuid))
    return None if row is None else _provider(row)


def by_uuids(tx: Tx, uuids: Iterable[str]) -> dict[str, Provider]:
    return {row["uuid"]: _provider(row) for row in tx.all(_select.where(providers.c.uuid.in_(list(uuids))))}


def by_ids(tx: Tx, ids: Iterable[int]) -> dict[int, Provider]:
    return {row["id"]: _provider(row) for row in tx.all(_select.where(providers.c.id.in_(list(ids))))}


def everything(tx: Tx) -> list[Provider]:
    return [_provider(row) for row in tx.all(_select)]


def listing(tx: Tx, wanted: Filter) -> list[Provider]:
    """Providers that meet the whole filter, in order of their making. One statement."""
    query = _select.order_by(providers.c.id)
    if wanted.name is not None:
        query = query.where(providers.c.name == wanted.name)
    if wanted.uuid is not None:
        query = query.where(providers.c.uuid == wanted.uuid)
    if wanted.tree is not None:
        tree = sa.select(providers.c.root_id).where(providers.c.uuid == wanted.tree).scalar_subquery()
        query = query.where(providers.c.root_id == tree)
    for choice in wanted.member_of:
        query = query.where(_in_aggregates(choice))
    if wanted.not_member_of:
        query = query.where(~_in_aggregates(wanted.not_member_of))
    for choice in wanted.required:
        query = query.where(_has_trait(choice))
    if wanted.forbidden:
        query = query.where(~_has_trait(wanted.forbidden))
    for resource_class, amount in wanted.resources.items():
        query = query.where(_has_room(resource_class, amount))
    return [_provider(row) for row in tx.all(query)]


def _in_aggregates(names: Iterable[str]) -> sa.ColumnElement[bool]:
    return (
        sa.select(sa.literal(1))
        .where(provider_aggregates.c.provider_id == providers.c.id, provider_aggregates.c.aggregate.in_(list(names)))
        .exists()
    )


def _has_trait(names: Iterable[str]) -> sa.ColumnElement[bool]:
    return (
        sa.select(sa.literal(1))
        .where(provider_traits.c.provider_id == providers.c.id, provider_traits.c.trait.in_(list(names)))
        .exists()
    )


def _has_room(resource_class: str, amount: int) -> sa.ColumnElement[bool]:
    column = inventories.c
    return (
        sa.select(sa.literal(1))
        .where(
            column.provider_id == providers.c.id,
            column.resource_class == resource_class,
            column.used + amount <= column.capacity,
            column.min_unit <= amount,
            column.max_unit >= amount,
            sa.literal(amount) % column.step_size == 0,
        )
        .exists()
    )


def insert(tx: Tx, uuid: str, name: str, parent: Provider | None) -> int | None:
    """Returns the new provider's number, None when uuid or name is taken."""
    root = 0
    if parent is not None:
        root = int(tx.scalar(sa.select(providers.c.root_id).where(providers.c.id == parent.id)))
    values = {
        "uuid": uuid,
        "name": name,
        "generation": 0,
        "parent_id": parent.id if parent else None,
        "root_id": root,
        "updated_at": utcnow(),
    }
    number = unless_taken(tx, providers, values, providers.c.id)
    if number is not None and parent is None:
        tx.execute(sa.update(providers).where(providers.c.id == number).values(root_id=number))
    return number


def taken(tx: Tx, uuid: str, name: str, except_id: int | None = None) -> tuple[bool, bool]:
    """Whether another provider has this uuid, and this name."""
    rows = tx.all(
        sa.select(providers.c.uuid, providers.c.name).where(
            sa.or_(providers.c.uuid == uuid, providers.c.name == name), providers.c.id != (except_id or 0)
        )
    )
    return any(row["uuid"] == uuid for row in rows), any(row["name"] == name for row in rows)


def rename(tx: Tx, provider_id: int, name: str) -> None:
    tx.execute(sa.update(providers).where(providers.c.id == provider_id).values(name=name, updated_at=utcnow()))


def tree(tx: Tx, provider: Provider) -> dict[int, int | None]:
    """{provider: its parent} of the whole tree."""
    root = sa.select(providers.c.root_id).where(providers.c.id == provider.id).scalar_subquery()
    rows = tx.all(sa.select(providers.c.id, providers.c.parent_id).where(providers.c.root_id == root))
    return {row["id"]: row["parent_id"] for row in rows}


def move(tx: Tx, provider_id: int, parent: Provider | None, subtree: Iterable[int]) -> None:
    """Hang the subtree that begins at the provider below another parent, or make it a tree of its own."""
    root = provider_id
    if parent is not None:
        root = int(tx.scalar(sa.select(providers.c.root_id).where(providers.c.id == parent.id)))
    tx.execute(
        sa.update(providers)
        .where(providers.c.id == provider_id)
        .values(parent_id=parent.id if parent else None, updated_at=utcnow())
    )
    tx.execute(sa.update(providers).where(providers.c.id.in_(list(subtree))).values(root_id=root))


def delete(tx: Tx, provider_id: int) -> None:
    for table in (inventories, provider_traits, provider_aggregates):
        tx.execute(sa.delete(table).where(table.c.provider_id == provider_id))
    tx.execute(sa.delete(providers).where(providers.c.id == provider_id))


def has_children(tx: Tx, provider_id: int) -> bool:
    return tx.scalar(sa.select(providers.c.id).where(providers.c.parent_id == provider_id).limit(1)) is not None


def in_use(tx: Tx, provider_id: int) -> bool:
    return (
        tx.scalar(sa.select(allocations.c.provider_id).where(allocations.c.provider_id == provider_id).limit(1))
        is not None
    )


def lock(tx: Tx, ids: Iterable[int]) -> None:
    """Hold these providers' rows until the commit, always in the same order (SQLite's one writer already does)."""
    if tx.dialect == "postgresql":
        tx.execute(
            sa.select(providers.c.id).where(providers.c.id.in_(list(ids))).order_by(providers.c.id).with_for_update()
        )


def advance(tx: Tx, ids: Iterable[int]) -> None:
    """Generation + 1 for each."""
    tx.execute(
        sa.update(providers)
        .where(providers.c.id.in_(list(ids)))
        .values(generation=providers.c.generation + 1, updated_at=utcnow())
    )


def advance_from(tx: Tx, provider_id: int, generation: int) -> bool:
    """Generation + 1 if it still is `generation`; otherwise somebody else was faster."""
    return (
        tx.count(
            sa.update(providers)
            .where(providers.c.id == provider_id, providers.c.generation == generation)
            .values(generation=generation + 1, updated_at=utcnow())
        )
        == 1
    )


# ---- traits and aggregates of providers ----


def traits_of(tx: Tx, ids: Iterable[int] | None = None) -> dict[int, list[str]]:
    """Traits by provider, all providers' when `ids` is None."""
    return _by_provider(tx, provider_traits.c.provider_id, provider_traits.c.trait, ids)


def aggregates_of(tx: Tx, ids: Iterable[int] | None = None) -> dict[int, list[str]]:
    return _by_provider(tx, provider_aggregates.c.provider_id, provider_aggregates.c.aggregate, ids)


def _by_provider(
    tx: Tx, owner: sa.ColumnElement[int], value: sa.ColumnElement[str], ids: Iterable[int] | None
) -> dict[int, list[str]]:
    query = sa.select(owner.label("owner"), value.label("value")).order_by(value)
    if ids is not None:
        query = query.where(owner.in_(list(ids)))
    found: dict[int, list[str]] = {}
    for number, text in tuples(tx, query):
        found.setdefault(number, []).append(text)
    return found


def replace_traits(tx: Tx, provider_id: int, names: Iterable[str]) -> None:
    _replace(tx, provider_traits, "trait", provider_id, names)


def replace_aggregates(tx: Tx, provider_id: int, names: Iterable[str]) -> None:
    _replace(tx, provider_aggregates, "aggregate", provider_id, names)


def _replace(tx: Tx, table: sa.Table, column: str, provider_id: int, values: Iterable[str]) -> None:
    tx.execute(sa.delete(table).where(table.c.provider_id == provider_id))
    rows = [{"provider_id": provider_id, column: value} for value in sorted(set(values))]
    if rows:
        tx.execute(sa.insert(table), rows)


def trait_in_use(tx: Tx, name: str) -> bool:
    return tx.scalar(sa.select(provider_traits.c.trait).where(provider_traits.c.trait == name).limit(1)) is not None


def traits_associated(tx: Tx) -> set[str]:
    return set(tx.scalars(sa.select(provider_traits.c.trait).distinct()))


# ---- names an operator added ----


def custom_traits(tx: Tx) -> Sequence[sa.RowMapping]:
    """Rows of name and updated_at, by name."""
    return tx.all(sa.select(traits).order_by(traits.c.name))


def custom_classes(tx: Tx) -> Sequence[sa.RowMapping]:
    """Rows of name and updated_at, oldest first."""
    return tx.all(sa.select(resource_classes).order_by(resource_classes.c.id))


def add_trait(tx: Tx, name: str) -> None:
    tx.execute(sa.insert(traits).values(name=name, updated_at=utcnow()))


def add_class(tx: Tx, name: str) -> None:
    tx.execute(sa.insert(resource_classes).values(name=name, updated_at=utcnow()))


def rename_class(tx: Tx, old: str, new: str) -> None:
    tx.execute(sa.update(resource_classes).where(resource_classes.c.name == old).values(name=new, updated_at=utcnow()))
    for table in (inventories, allocations):
        tx.execute(sa.update(table).where(table.c.resource_class == old).values(resource_class=new))


def remove_trait(tx: Tx, name: str) -> None:
    tx.execute(sa.delete(traits).where(traits.c.name == name))


def remove_class(tx: Tx, name: str) -> None:
    tx.execute(sa.delete(resource_classes).where(resource_classes.c.name == name))


def class_in_use(tx: Tx, name: str) -> bool:
    query = sa.select(inventories.c.resource_class).where(inventories.c.resource_class == name).limit(1)
    return tx.scalar(query) is not None


def providers_with_class(tx: Tx, name: str) -> list[int]:
    return list(tx.scalars(sa.select(inventories.c.provider_id).where(inventories.c.resource_class == name)))
