"""The scheduler's own API, beside upstream's: explanations and what-if."""

from unkai.kernel.web import Route
from unkai.scheduler.api import explanations, what_if

ROUTES: tuple[Route, ...] = (*explanations.ROUTES, *what_if.ROUTES)
