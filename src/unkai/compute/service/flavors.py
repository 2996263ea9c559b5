"""Flavors, their extra specs and who may use private ones (FLV-002 to FLV-028)."""

from collections.abc import Mapping

from unkai.compute.errors import (
    ExtraSpecNotFound,
    FlavorAccessExists,
    FlavorAccessNotFound,
    FlavorExists,
    FlavorIdExists,
    FlavorNotFound,
    NoAccessList,
    PublicFlavor,
    UnknownProject,
)
from unkai.compute.flavor import DEFAULTS, Flavor
from unkai.compute.service.scopes import SYSTEM, scope_of
from unkai.compute.store import flavors as store
from unkai.compute.store.flavors import Filters
from unkai.identity import service as identity
from unkai.kernel.context import Context
from unkai.kernel.paging import Page
from unkai.kernel.store import Tx


def get_flavor(tx: Tx, context: Context, flavor_id: str) -> Flavor:
    """Raises FlavorNotFound, also for a private flavor that the caller was not given."""
    found = store.by_flavor_id(tx, scope_of(context), flavor_id)
    if found is None:
        raise FlavorNotFound(flavor=flavor_id[:255])
    return found


def list_flavors(tx: Tx, context: Context, filters: Filters, page: Page) -> list[Flavor] | None:
    """A page of flavors; None when the marker does not exist."""
    scope = scope_of(context)
    marker = None
    if page.marker is not None:
        marker = store.by_flavor_id(tx, scope, page.marker)
        if marker is None:
            return None
    return store.listing(tx, scope, filters, page, marker)


def create_flavor(tx: Tx, flavor: Flavor) -> Flavor:
    """Raises FlavorExists, FlavorIdExists."""
    if store.by_name(tx, SYSTEM, flavor.name) is not None:
        raise FlavorExists(name=flavor.name)
    if store.by_flavor_id(tx, SYSTEM, flavor.flavor_id) is not None:
        raise FlavorIdExists(flavor=flavor.flavor_id)
    return store.insert(tx, SYSTEM, flavor)


def describe_flavor(tx: Tx, context: Context, flavor_id: str, description: str | None) -> Flavor:
    """Change the only field that can change. Raises FlavorNotFound."""
    return store.update(tx, SYSTEM, get_flavor(tx, context, flavor_id), description=description)


def delete_flavor(tx: Tx, context: Context, flavor_id: str) -> None:
    """Servers keep the copy that they were made with. Raises FlavorNotFound."""
    store.delete(tx, SYSTEM, get_flavor(tx, context, flavor_id))


def set_extra_specs(tx: Tx, context: Context, flavor_id: str, specs: Mapping[str, str]) -> Flavor:
    """Add keys or change them. Raises FlavorNotFound."""
    flavor = get_flavor(tx, context, flavor_id)
    return store.update(tx, SYSTEM, flavor, extra_specs={**flavor.extra_specs, **specs})


def extra_spec(tx: Tx, context: Context, flavor_id: str, key: str) -> str:
    """Raises FlavorNotFound, ExtraSpecNotFound."""
    flavor = get_flavor(tx, context, flavor_id)
    if key not in flavor.extra_specs:
        raise ExtraSpecNotFound(flavor=flavor_id, key=key[:255])
    return flavor.extra_specs[key]


def unset_extra_spec(tx: Tx, context: Context, flavor_id: str, key: str) -> None:
    """Raises FlavorNotFound, ExtraSpecNotFound."""
    extra_spec(tx, context, flavor_id, key)
    flavor = get_flavor(tx, context, flavor_id)
    rest = {name: value for name, value in flavor.extra_specs.items() if name != key}
    store.update(tx, SYSTEM, flavor, extra_specs=rest)


def access_list(tx: Tx, context: Context, flavor_id: str) -> list[str]:
    """Projects that may use a private flavor. Raises FlavorNotFound, NoAccessList."""
    flavor = get_flavor(tx, context, flavor_id)
    if flavor.is_public:
        raise NoAccessList
    return store.projects_of(tx, SYSTEM, flavor)


def give_access(tx: Tx, context: Context, flavor_id: str, project_id: str, *, refuse_public: bool) -> list[str]:
    """Let a project use a flavor; returns all that may.

    Raises FlavorNotFound, UnknownProject, FlavorAccessExists, and PublicFlavor from microversion 2.7 on.
    """
    if not identity.project_exists(tx, project_id):
        raise UnknownProject(project=project_id[:255])
    flavor = get_flavor(tx, context, flavor_id)
    if flavor.is_public and refuse_public:
        raise PublicFlavor
    have = store.projects_of(tx, SYSTEM, flavor)
    if project_id in have:
        raise FlavorAccessExists(flavor=flavor_id, project=project_id)
    store.give(tx, SYSTEM, flavor, project_id)
    return sorted([*have, project_id])


def take_access(tx: Tx, context: Context, flavor_id: str, project_id: str) -> list[str]:
    """Take a flavor away from a project, which need not exist any more; returns all that still may use it.

    Raises FlavorNotFound, FlavorAccessNotFound.
    """
    flavor = get_flavor(tx, context, flavor_id)
    if not store.take(tx, SYSTEM, flavor, project_id):
        raise FlavorAccessNotFound(flavor=flavor_id, project=project_id[:255])
    return store.projects_of(tx, SYSTEM, flavor)


def seed_flavors(tx: Tx) -> None:
    """The five default flavors, once in the life of a cloud: what was deleted or changed stays so (FLV-006)."""
    if not store.sow(tx, SYSTEM, "flavors"):
        return
    for flavor in DEFAULTS:
        taken = store.by_name(tx, SYSTEM, flavor.name) or store.by_flavor_id(tx, SYSTEM, flavor.flavor_id)
        if taken is None:
            store.insert(tx, SYSTEM, flavor)
