"""Which actor holds which role on which target. An assignment belongs to its target's domain or project."""

from collections.abc import Iterable

import sqlalchemy as sa

from unkai.identity.model import ActorKind, Assignment, TargetKind
from unkai.identity.store.listing import Row
from unkai.identity.store.tables import assignments, projects
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx, upsert

_KEYS = ("actor_kind", "actor_id", "target_kind", "target_id", "role_id", "inherited")


def _within(scope: Scope) -> sa.ColumnElement[bool]:
    if scope.kind == "system":
        return sa.true()
    if scope.kind == "project":
        return sa.and_(assignments.c.target_kind == "project", assignments.c.target_id == scope.id)
    if scope.kind == "domain":
        own = sa.select(projects.c.id).where(projects.c.domain_id == scope.id)
        return sa.or_(
            sa.and_(assignments.c.target_kind == "domain", assignments.c.target_id == scope.id),
            sa.and_(assignments.c.target_kind == "project", assignments.c.target_id.in_(own)),
        )
    return sa.false()


def _assignment(row: Row) -> Assignment:
    return Assignment(**{key: row[key] for key in _KEYS})


def find(
    tx: Tx,
    scope: Scope,
    *,
    actors: Iterable[tuple[ActorKind, str]] | None = None,
    targets: Iterable[tuple[TargetKind, str]] | None = None,
    target_kind: TargetKind | None = None,
    role_id: str | None = None,
    inherited: bool | None = None,
) -> list[Assignment]:
    """Assignments that match everything that is given: one of the actors, one of the targets..."""
    query = sa.select(assignments).where(_within(scope))
    if actors is not None:
        query = query.where(_one_of(assignments.c.actor_kind, assignments.c.actor_id, actors))
    if targets is not None:
        query = query.where(_one_of(assignments.c.target_kind, assignments.c.target_id, targets))
    if target_kind is not None:
        query = query.where(assignments.c.target_kind == target_kind)
    if role_id is not None:
        query = query.where(assignments.c.role_id == role_id)
    if inherited is not None:
        query = query.where(assignments.c.inherited.is_(inherited))
    return [_assignment(row) for row in tx.all(query.order_by(*(assignments.c[key] for key in _KEYS)))]


def _one_of(
    kind: sa.ColumnElement[str], identity: sa.ColumnElement[str], pairs: Iterable[tuple[str, str]]
) -> sa.ColumnElement[bool]:
    by_kind: dict[str, list[str]] = {}
    for name, value in pairs:
        by_kind.setdefault(name, []).append(value)
    if not by_kind:
        return sa.false()
    return sa.or_(*(sa.and_(kind == name, identity.in_(values)) for name, values in by_kind.items()))


def _same(wanted: Assignment) -> sa.ColumnElement[bool]:
    return sa.and_(*(assignments.c[key] == getattr(wanted, key) for key in _KEYS))


def exists(tx: Tx, scope: Scope, wanted: Assignment) -> bool:
    return tx.first(sa.select(assignments.c.role_id).where(_within(scope), _same(wanted))) is not None


def insert(tx: Tx, assignment: Assignment) -> None:
    """Granting twice is no mistake."""
    upsert(tx, assignments, {key: getattr(assignment, key) for key in _KEYS}, list(_KEYS))


def delete(tx: Tx, scope: Scope, assignment: Assignment) -> bool:
    """Whether there was one."""
    return tx.count(sa.delete(assignments).where(_within(scope), _same(assignment))) > 0


def delete_of_actors(tx: Tx, scope: Scope, actors: Iterable[tuple[ActorKind, str]]) -> None:
    chosen = _one_of(assignments.c.actor_kind, assignments.c.actor_id, actors)
    tx.execute(sa.delete(assignments).where(_within(scope), chosen))


def delete_on_targets(tx: Tx, scope: Scope, targets: Iterable[tuple[TargetKind, str]]) -> None:
    chosen = _one_of(assignments.c.target_kind, assignments.c.target_id, targets)
    tx.execute(sa.delete(assignments).where(_within(scope), chosen))
