"""Providers, their traits and aggregates."""

from collections.abc import Iterable

import msgspec

from unkai.kernel.ids import new_uuid
from unkai.kernel.store import Tx
from unkai.placement.errors import (
    OwnParent,
    ParentLoop,
    ParentNotFound,
    ProviderExists,
    ProviderGenerationConflict,
    ProviderHasChildren,
    ProviderInUse,
    ProviderNotFound,
    ProviderNotFoundForDelete,
    ReparentingRefused,
)
from unkai.placement.model import Provider
from unkai.placement.service import names
from unkai.placement.store import changes, providers
from unkai.placement.store.providers import Filter


def get(tx: Tx, uuid: str) -> Provider:
    """Raises ProviderNotFound."""
    found = providers.by_uuid(tx, uuid)
    if found is None:
        raise ProviderNotFound(uuid=uuid)
    return found


def listing(tx: Tx, wanted: Filter) -> list[Provider]:
    """Providers that meet the filter. Raises UnknownTraits and BadResources for names in it."""
    names.check_traits(tx, wanted.forbidden.union(*wanted.required))
    names.check_queried_classes(tx, wanted.resources)
    return providers.listing(tx, wanted)


def providers_by_uuids(tx: Tx, uuids: Iterable[str]) -> dict[str, Provider]:
    return providers.by_uuids(tx, uuids)


def traits_by_providers(tx: Tx, uuids: Iterable[str]) -> dict[str, list[str]]:
    """Traits by provider uuid. Two statements."""
    found = providers.by_uuids(tx, uuids)
    traits = providers.traits_of(tx, [one.id for one in found.values()])
    return {uuid: traits.get(one.id, []) for uuid, one in found.items()}


def aggregates_by_providers(tx: Tx, uuids: Iterable[str]) -> dict[str, list[str]]:
    """Aggregates by provider uuid. Two statements."""
    found = providers.by_uuids(tx, uuids)
    aggregates = providers.aggregates_of(tx, [one.id for one in found.values()])
    return {uuid: aggregates.get(one.id, []) for uuid, one in found.items()}


def create(tx: Tx, name: str, uuid: str | None = None, parent_uuid: str | None = None) -> Provider:
    """Raises ProviderExists, ParentNotFound, OwnParent."""
    uuid = uuid or new_uuid()
    _check_free(tx, uuid, name)
    parent = None
    if parent_uuid is not None:
        if parent_uuid == uuid:
            raise OwnParent(name=name, uuid=uuid)
        parent = providers.by_uuid(tx, parent_uuid)
        if parent is None:
            raise ParentNotFound(name=name, uuid=parent_uuid)
    number = providers.insert(tx, uuid, name, parent)
    if number is None:
        raise ProviderExists(field="name or uuid", value=f"{name}, {uuid}")
    changes.record(tx, [number])
    return get(tx, uuid)


def _check_free(tx: Tx, uuid: str, name: str, except_id: int | None = None) -> None:
    uuid_taken, name_taken = providers.taken(tx, uuid, name, except_id)
    if uuid_taken:
        raise ProviderExists(field="uuid", value=uuid)
    if name_taken:
        raise ProviderExists(field="name", value=name)


def update(tx: Tx, uuid: str, name: str, parent_uuid: str | msgspec.UnsetType | None, *, may_move: bool) -> Provider:
    """Give the provider this name and parent (UNSET: the one it has).

    `may_move`: any other parent, or none (API since 1.37); before that a parent could only be given to a root, once.
    Raises ProviderNotFound, ProviderExists, ParentNotFound, ParentLoop, ReparentingRefused.
    """
    provider = get(tx, uuid)
    if name != provider.name:
        _check_free(tx, uuid, name, provider.id)
        providers.rename(tx, provider.id, name)
        changes.record(tx, [provider.id])
    if not isinstance(parent_uuid, msgspec.UnsetType) and parent_uuid != provider.parent_uuid:
        _move(tx, provider, name, parent_uuid, may_move=may_move)
    return get(tx, uuid)


def _move(tx: Tx, provider: Provider, name: str, parent_uuid: str | None, *, may_move: bool) -> None:
    parent = None
    if parent_uuid is not None:
        parent = providers.by_uuid(tx, parent_uuid)
        if parent is None:
            raise ParentNotFound(name=name, uuid=parent_uuid)
    if provider.parent_uuid is not None and not may_move:
        what = "un-parenting" if parent_uuid is None else "re-parenting"
        raise ReparentingRefused(name=name, what=what, current=provider.parent_uuid)
    subtree = _below(providers.tree(tx, provider), provider.id)
    if parent is not None and parent.id in subtree:
        raise ParentLoop(name=name)
    providers.lock(tx, subtree)
    providers.move(tx, provider.id, parent, subtree)
    changes.record(tx, subtree)


def _below(parents: dict[int, int | None], top: int) -> set[int]:
    """`top` and everything under it."""
    found = {top}
    grew = True
    while grew:
        more = {child for child, parent in parents.items() if parent in found and child not in found}
        found |= more
        grew = bool(more)
    return found


def delete(tx: Tx, uuid: str) -> None:
    """Raises ProviderNotFoundForDelete, ProviderHasChildren, ProviderInUse."""
    provider = providers.by_uuid(tx, uuid)
    if provider is None:
        raise ProviderNotFoundForDelete(uuid=uuid)
    providers.lock(tx, [provider.id])
    if providers.has_children(tx, provider.id):
        raise ProviderHasChildren(uuid=uuid)
    if providers.in_use(tx, provider.id):
        raise ProviderInUse(uuid=uuid)
    providers.delete(tx, provider.id)
    changes.record(tx, [provider.id])


def replace_traits(tx: Tx, uuid: str, wanted: Iterable[str], generation: int) -> Provider:
    """Raises ProviderNotFound, ProviderGenerationConflict, UnknownTraits."""
    provider = get(tx, uuid)
    wanted = set(wanted)
    check_generation(provider, generation)
    names.check_traits(tx, wanted)
    advance(tx, provider, generation)
    providers.replace_traits(tx, provider.id, wanted)
    return get(tx, uuid)


def remove_traits(tx: Tx, uuid: str) -> None:
    """Raises ProviderNotFound."""
    provider = held(tx, uuid)
    advance(tx, provider, provider.generation)
    providers.replace_traits(tx, provider.id, ())


def replace_aggregates(tx: Tx, uuid: str, wanted: Iterable[str], generation: int | None) -> Provider:
    """`generation` None (API before 1.19) neither checks nor advances it.

    Raises ProviderNotFound, ProviderGenerationConflict.
    """
    provider = get(tx, uuid)
    if generation is not None:
        check_generation(provider, generation)
        advance(tx, provider, generation)
    providers.replace_aggregates(tx, provider.id, wanted)
    changes.record(tx, [provider.id])
    return get(tx, uuid)


def check_generation(provider: Provider, given: int) -> None:
    """Raises ProviderGenerationConflict."""
    if provider.generation != given:
        raise ProviderGenerationConflict(uuid=provider.uuid, actual=provider.generation, given=given)


def advance(tx: Tx, provider: Provider, generation: int) -> None:
    """Generation + 1 and a line in the change log. Raises ProviderGenerationConflict when somebody was faster."""
    if not providers.advance_from(tx, provider.id, generation):
        raise ProviderGenerationConflict(uuid=provider.uuid, actual="newer", given=generation)
    changes.record(tx, [provider.id])


# ---- for other rooms: say what shall be, write only what differs ----


def held(tx: Tx, uuid: str) -> Provider:
    """The provider, locked until the commit, so that its generation cannot move on. Raises ProviderNotFound."""
    provider = get(tx, uuid)
    if tx.dialect != "postgresql":
        return provider
    providers.lock(tx, [provider.id])
    return get(tx, uuid)


def ensure_provider(tx: Tx, uuid: str, name: str, parent_uuid: str | None = None) -> Provider:
    """Make the provider, or give it this name and parent. Raises ProviderExists when the name is another's,
    ParentNotFound, ParentLoop."""
    found = providers.by_uuid(tx, uuid)
    if found is None:
        return create(tx, name, uuid, parent_uuid)
    if found.name == name and found.parent_uuid == parent_uuid:
        return found
    return update(tx, uuid, name, parent_uuid, may_move=True)


def remove_provider(tx: Tx, uuid: str) -> None:
    """Delete the provider with everything below it. Nothing happens when it does not exist.

    Raises ProviderInUse when one of them still has allocations.
    """
    provider = providers.by_uuid(tx, uuid)
    if provider is None:
        return
    parents = providers.tree(tx, provider)
    subtree = providers.by_ids(tx, _below(parents, provider.id))
    while subtree:
        leaves = [one for one in subtree.values() if one.id not in {parents[other] for other in subtree}]
        for leaf in leaves:
            delete(tx, leaf.uuid)
            del subtree[leaf.id]


def set_traits(tx: Tx, uuid: str, wanted: Iterable[str]) -> None:
    """Give the provider exactly these traits; CUSTOM_ ones are made when missing, unchanged ones are not written.

    Raises ProviderNotFound, UnknownTraits.
    """
    provider = held(tx, uuid)
    wanted = set(wanted)
    if set(providers.traits_of(tx, [provider.id]).get(provider.id, [])) == wanted:
        return
    names.ensure_traits(tx, wanted)
    advance(tx, provider, provider.generation)
    providers.replace_traits(tx, provider.id, wanted)


def set_aggregates(tx: Tx, uuid: str, wanted: Iterable[str]) -> None:
    """Put the provider into exactly these aggregates (uuids). Raises ProviderNotFound."""
    provider = held(tx, uuid)
    wanted = set(wanted)
    if set(providers.aggregates_of(tx, [provider.id]).get(provider.id, [])) == wanted:
        return
    advance(tx, provider, provider.generation)
    providers.replace_aggregates(tx, provider.id, wanted)
