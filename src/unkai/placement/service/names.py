"""Resource classes and traits: the standard names and an operator's own."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from unkai.kernel.store import Tx
from unkai.placement import catalog
from unkai.placement.errors import (
    BadResources,
    ResourceClassExists,
    ResourceClassInUse,
    ResourceClassNotFound,
    StandardClass,
    StandardTrait,
    TraitInUse,
    TraitNotFound,
    UnknownResourceClass,
    UnknownTraits,
)
from unkai.placement.store import changes, providers


class Name(msgspec.Struct, frozen=True):
    """A resource class or trait. Standard ones came with the product: `updated_at` is None."""

    name: str
    updated_at: datetime | None = None


# ---- resource classes ----


def classes(tx: Tx) -> list[Name]:
    """Standard names in the library's order, then an operator's own, oldest first."""
    own = [Name(row["name"], row["updated_at"]) for row in providers.custom_classes(tx)]
    return [Name(name) for name in catalog.standard_classes()] + own


def resource_class(tx: Tx, name: str) -> Name:
    """Raises ResourceClassNotFound."""
    for one in classes(tx):
        if one.name == name:
            return one
    raise ResourceClassNotFound(name=name)


def check_classes(tx: Tx, names: Iterable[str]) -> None:
    """Raises UnknownResourceClass for the first name that is no class."""
    unknown = set(names).difference(catalog.standard_classes())
    if unknown:
        unknown.difference_update(row["name"] for row in providers.custom_classes(tx))
    if unknown:
        raise UnknownResourceClass(name=min(unknown))


def check_queried_classes(tx: Tx, names: Iterable[str]) -> None:
    """As `check_classes`, in the words of a bad query. Raises BadResources."""
    try:
        check_classes(tx, names)
    except UnknownResourceClass as error:
        raise BadResources(reason=f"Invalid resource class in resources parameter: {error.message}") from error


def add_class(tx: Tx, name: str) -> None:
    """Raises ResourceClassExists."""
    if not ensure_class(tx, name):
        raise ResourceClassExists(name=name)


def ensure_class(tx: Tx, name: str) -> bool:
    """True when the class was made now."""
    if any(one.name == name for one in classes(tx)):
        return False
    providers.add_class(tx, name)
    return True


def rename_class(tx: Tx, old: str, new: str) -> None:
    """Raises ResourceClassNotFound, StandardClass, ResourceClassExists."""
    resource_class(tx, old)
    if old in catalog.standard_classes():
        raise StandardClass(name=old)
    if new == old:
        return
    if any(one.name == new for one in classes(tx)):
        raise ResourceClassExists(name=new)
    changes.record(tx, providers.providers_with_class(tx, old))
    providers.rename_class(tx, old, new)


def remove_class(tx: Tx, name: str) -> None:
    """Raises ResourceClassNotFound, StandardClass, ResourceClassInUse."""
    resource_class(tx, name)
    if name in catalog.standard_classes():
        raise StandardClass(name=name)
    if providers.class_in_use(tx, name):
        raise ResourceClassInUse(name=name)
    providers.remove_class(tx, name)


# ---- traits ----


def traits(tx: Tx) -> list[Name]:
    """All, by name."""
    own = [Name(row["name"], row["updated_at"]) for row in providers.custom_traits(tx)]
    return sorted([Name(name) for name in catalog.standard_traits()] + own, key=lambda one: one.name)


def traits_in_use(tx: Tx) -> set[str]:
    """Names that some provider has."""
    return providers.traits_associated(tx)


def trait(tx: Tx, name: str) -> Name:
    """Raises TraitNotFound."""
    if name in catalog.standard_traits():
        return Name(name)
    for row in providers.custom_traits(tx):
        if row["name"] == name:
            return Name(name, row["updated_at"])
    raise TraitNotFound(name=name)


def check_traits(tx: Tx, names: Iterable[str]) -> None:
    """Raises UnknownTraits naming all that are no traits."""
    unknown = set(names) - catalog.standard_traits()
    if unknown:
        unknown.difference_update(row["name"] for row in providers.custom_traits(tx))
    if unknown:
        raise UnknownTraits(names=", ".join(sorted(unknown)), name=min(unknown))


def ensure_trait(tx: Tx, name: str) -> bool:
    """True when the trait was made now. The caller has checked that the name is a custom one."""
    if name in catalog.standard_traits() or any(row["name"] == name for row in providers.custom_traits(tx)):
        return False
    providers.add_trait(tx, name)
    return True


def ensure_traits(tx: Tx, names: Iterable[str]) -> None:
    """Make the CUSTOM_ traits that are missing. Raises UnknownTraits for other names that do not exist."""
    unknown = set(names) - catalog.standard_traits()
    if unknown:
        unknown.difference_update(row["name"] for row in providers.custom_traits(tx))
    wrong = sorted(name for name in unknown if not catalog.is_custom(name))
    if wrong:
        raise UnknownTraits(names=", ".join(wrong), name=wrong[0])
    for name in sorted(unknown):
        providers.add_trait(tx, name)


def remove_trait(tx: Tx, name: str) -> None:
    """Raises TraitNotFound, StandardTrait, TraitInUse."""
    trait(tx, name)
    if name in catalog.standard_traits():
        raise StandardTrait(name=name)
    if providers.trait_in_use(tx, name):
        raise TraitInUse(name=name)
    providers.remove_trait(tx, name)
