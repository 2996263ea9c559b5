"""Placement's API: a file per resource."""

from unkai.kernel.web import Route
from unkai.placement.api import (
    aggregates,
    allocations,
    candidates,
    inventories,
    provider_traits,
    providers,
    reshaper,
    resource_classes,
    root,
    traits,
    usages,
)

ROUTES: tuple[Route, ...] = (
    *root.ROUTES,
    *resource_classes.ROUTES,
    *traits.ROUTES,
    *providers.ROUTES,
    *inventories.ROUTES,
    *usages.ROUTES,
    *aggregates.ROUTES,
    *provider_traits.ROUTES,
    *allocations.ROUTES,
    *candidates.ROUTES,
    *reshaper.ROUTES,
)
