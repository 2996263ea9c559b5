"""Placement's API: a file per resource."""

from unkai.kernel.web import Route
from unkai.placement.api import root

ROUTES: tuple[Route, ...] = (*root.ROUTES,)
