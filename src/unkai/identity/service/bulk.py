"""Facts about projects and users for the lists of other rooms: a constant number of statements."""

from collections.abc import Iterable

from unkai.identity.model import Project, User
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.store import projects, users
from unkai.kernel.store import Tx


def projects_by_ids(tx: Tx, ids: Iterable[str]) -> dict[str, Project]:
    """Projects and domains by id; unknown ids are left out. Two statements, whatever the number."""
    return projects.by_ids(tx, EVERYWHERE, ids)


def users_by_ids(tx: Tx, ids: Iterable[str]) -> dict[str, User]:
    """Users by id; unknown ids are left out. One statement."""
    return users.by_ids(tx, EVERYWHERE, ids)


def project_exists(tx: Tx, project_id: str) -> bool:
    """Whether there is a project (or domain) of that id, enabled or not."""
    return projects.get(tx, EVERYWHERE, project_id) is not None
