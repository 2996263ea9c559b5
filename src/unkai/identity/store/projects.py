"""Projects and domains: one table, a domain is its own root."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from unkai.identity.model import Listing, Project
from unkai.identity.store import writing
from unkai.identity.store.listing import Columns, Row, page
from unkai.identity.store.tables import project_tags, projects
from unkai.kernel.scope import Scope, restrict
from unkai.kernel.store import Tx

_COLUMNS: Columns = {
    "id": projects.c.id,
    "name": projects.c.name,
    "domain_id": projects.c.domain_id,
    "parent_id": projects.c.parent_id,
    "is_domain": projects.c.is_domain,
    "enabled": projects.c.enabled,
}


def _limited(query: sa.Select[Any], scope: Scope) -> sa.Select[Any]:
    """A domain sees itself and its projects, a project itself."""
    owner = sa.case((projects.c.is_domain, projects.c.id), else_=projects.c.domain_id)
    return restrict(query, scope, projects.c.id, owner)


def row_to_project(row: Row, tags: tuple[str, ...] = ()) -> Project:
    return Project(
        id=row["id"],
        name=row["name"],
        domain_id=row["domain_id"] or None,
        parent_id=row["parent_id"],
        is_domain=row["is_domain"],
        enabled=row["enabled"],
        description=row["description"],
        options=row["options"],
        extra=row["extra"],
        tags=tags,
    )


def _load(tx: Tx, rows: Sequence[Row]) -> list[Project]:
    tags = _tags(tx, [row["id"] for row in rows])
    return [row_to_project(row, tags.get(row["id"], ())) for row in rows]


def _tags(tx: Tx, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    if not ids:
        return {}
    query = sa.select(project_tags).where(project_tags.c.project_id.in_(ids)).order_by(project_tags.c.name)
    found: dict[str, list[str]] = {}
    for row in tx.all(query):
        found.setdefault(row["project_id"], []).append(row["name"])
    return {project_id: tuple(names) for project_id, names in found.items()}


def get(tx: Tx, scope: Scope, project_id: str) -> Project | None:
    """A project or a domain."""
    row = tx.first(_limited(sa.select(projects), scope).where(projects.c.id == project_id))
    return None if row is None else _load(tx, [row])[0]


def by_ids(tx: Tx, scope: Scope, ids: Iterable[str]) -> dict[str, Project]:
    wanted = list(set(ids))
    if not wanted:
        return {}
    rows = tx.all(_limited(sa.select(projects), scope).where(projects.c.id.in_(wanted)))
    return {project.id: project for project in _load(tx, rows)}


def by_name(tx: Tx, scope: Scope, name: str, domain_id: str | None) -> Project | None:
    """The project of that name in a domain, or with `domain_id` None the domain of that name."""
    row = tx.first(
        _limited(sa.select(projects), scope).where(projects.c.name == name, projects.c.domain_id == (domain_id or ""))
    )
    return None if row is None else _load(tx, [row])[0]


def listed(tx: Tx, scope: Scope, listing: Listing, ids: Iterable[str] | None = None) -> tuple[list[Project], bool]:
    """A page of projects and whether there are more. `ids` limits it to those. Filters by tags are understood:
    tags (all of them), tags-any, not-tags, not-tags-any, each with a tuple of names as its value."""
    query = _limited(sa.select(projects), scope)
    if ids is not None:
        query = query.where(projects.c.id.in_(list(ids)))
    for wanted in listing.filters:
        if wanted.name in ("tags", "tags-any", "not-tags", "not-tags-any"):
            query = query.where(_tagged(wanted.name, wanted.value))
    rows, more = page(tx, query, listing, _COLUMNS, projects.c.id)
    return _load(tx, rows), more


def _tagged(kind: str, names: Sequence[str]) -> sa.ColumnElement[bool]:
    count = (
        sa.select(sa.func.count())
        .select_from(project_tags)
        .where(project_tags.c.project_id == projects.c.id, project_tags.c.name.in_(list(names)))
        .scalar_subquery()
    )
    if kind == "tags":
        return count == len(set(names))
    if kind == "tags-any":
        return count > 0
    return count < len(set(names)) if kind == "not-tags" else count == 0


def ancestors(tx: Tx, scope: Scope, project_id: str) -> list[Project]:
    """Everything above a project, nearest first; the last is its domain."""
    above = (
        sa.select(projects.c.id, projects.c.parent_id, sa.literal(0).label("depth"))
        .where(projects.c.id == project_id)
        .cte("above", recursive=True)
    )
    above = above.union_all(
        sa.select(projects.c.id, projects.c.parent_id, above.c.depth + 1).where(projects.c.id == above.c.parent_id)
    )
    query = (
        _limited(sa.select(projects), scope)
        .join(above, above.c.id == projects.c.id)
        .where(above.c.depth > 0)
        .order_by(above.c.depth)
    )
    return _load(tx, tx.all(query))


def ancestor_ids(tx: Tx, project_id: str) -> list[str]:
    """As `ancestors`, ids only and for the room's own reckoning of roles, which no scope limits."""
    above = (
        sa.select(projects.c.parent_id, sa.literal(0).label("depth"))
        .where(projects.c.id == project_id)
        .cte("above", recursive=True)
    )
    above = above.union_all(
        sa.select(projects.c.parent_id, above.c.depth + 1).where(projects.c.id == above.c.parent_id)
    )
    return list(tx.scalars(sa.select(above.c.parent_id).where(above.c.parent_id.is_not(None)).order_by(above.c.depth)))


def descendants(tx: Tx, scope: Scope, project_id: str) -> list[Project]:
    """Everything below a project, parents before children."""
    below = (
        sa.select(projects.c.id, sa.literal(0).label("depth"))
        .where(projects.c.id == project_id)
        .cte("below", recursive=True)
    )
    below = below.union_all(sa.select(projects.c.id, below.c.depth + 1).where(projects.c.parent_id == below.c.id))
    query = (
        _limited(sa.select(projects), scope)
        .join(below, below.c.id == projects.c.id)
        .where(below.c.depth > 0)
        .order_by(below.c.depth, projects.c.name)
    )
    return _load(tx, tx.all(query))


def tree(tx: Tx, scope: Scope) -> list[tuple[str, str | None, str | None]]:
    """(id, parent id, domain id) of every project that is not a domain: what inheritance needs, and no more."""
    query = _limited(sa.select(projects.c.id, projects.c.parent_id, projects.c.domain_id), scope)
    rows = tx.all(query.where(projects.c.is_domain.is_(False)))
    return [(row["id"], row["parent_id"], row["domain_id"]) for row in rows]


def insert(tx: Tx, project: Project) -> None:
    writing.insert(
        tx,
        projects,
        {
            "id": project.id,
            "name": project.name,
            "domain_id": project.domain_id or "",
            "parent_id": project.parent_id,
            "is_domain": project.is_domain,
            "enabled": project.enabled,
            "description": project.description,
            "options": project.options,
            "extra": project.extra,
        },
    )
    _add_tags(tx, project.id, project.tags)


def update(tx: Tx, scope: Scope, project_ids: Sequence[str], **values: Any) -> None:
    if values:
        chosen = _limited(sa.select(projects.c.id), scope).where(projects.c.id.in_(list(project_ids)))
        writing.execute(tx, sa.update(projects).where(projects.c.id.in_(chosen)).values(**values))


def set_tags(tx: Tx, scope: Scope, project_id: str, names: Iterable[str]) -> None:
    for chosen in tx.scalars(_limited(sa.select(projects.c.id), scope).where(projects.c.id == project_id)):
        tx.execute(sa.delete(project_tags).where(project_tags.c.project_id == chosen))
        _add_tags(tx, chosen, names)


def _add_tags(tx: Tx, project_id: str, names: Iterable[str]) -> None:
    rows = [{"project_id": project_id, "name": name} for name in dict.fromkeys(names)]
    if rows:
        tx.execute(sa.insert(project_tags), rows)


def delete(tx: Tx, scope: Scope, project_ids: Iterable[str]) -> None:
    """Delete projects that form whole subtrees: nothing below them stays. Three statements."""
    wanted = _limited(sa.select(projects.c.id), scope).where(projects.c.id.in_(list(project_ids)))
    chosen = list(tx.scalars(wanted))
    # Rows that name each other can go only once they do not.
    tx.execute(sa.update(projects).where(projects.c.id.in_(chosen)).values(parent_id=None))
    tx.execute(sa.delete(projects).where(projects.c.id.in_(chosen)))
