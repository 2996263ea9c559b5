"""What other rooms may ask of the identity room."""

from unkai.identity.model import Project, User
from unkai.identity.service.bulk import project_exists, projects_by_ids, users_by_ids
from unkai.identity.service.foundation import SERVICES, Bootstrap, BootstrapResult, CatalogEntry, bootstrap
from unkai.identity.service.tokens import authenticate

__all__ = [
    "SERVICES",
    "Bootstrap",
    "BootstrapResult",
    "CatalogEntry",
    "Project",
    "User",
    "authenticate",
    "bootstrap",
    "project_exists",
    "projects_by_ids",
    "users_by_ids",
]
