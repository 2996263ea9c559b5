"""The algebra of roles: groups, inheritance and implication, on plain data and without a database.

Rules, as upstream has them: an assignment to a group counts for each of its
members; an inherited one counts for every project below its target and not for
the target itself; a role brings along every role it implies, and those they
imply; roles of a domain only serve to imply others and never take effect
themselves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from unkai.identity.model import Assignment, Effective, TargetKind

Implications = Mapping[str, Sequence[str]]
Target = tuple[TargetKind, str]


def closure(role_ids: Iterable[str], implied: Implications) -> set[str]:
    """The roles and everything they imply, however deep. Circles do no harm."""
    found: set[str] = set()
    pending = list(role_ids)
    while pending:
        role_id = pending.pop()
        if role_id not in found:
            found.add(role_id)
            pending.extend(implied.get(role_id, ()))
    return found


def sources(target: Target, above: Sequence[str]) -> tuple[Target, ...]:
    """Where inherited assignments may come from: every ancestor of a project, as project or as domain."""
    if target[0] != "project":
        return ()
    found: list[Target] = []
    for ancestor in above:
        found += [("project", ancestor), ("domain", ancestor)]
    return tuple(found)


class Tree:
    """Projects by parent, for walks down."""

    def __init__(self, rows: Iterable[tuple[str, str | None, str | None]]) -> None:
        """`rows` are (project id, parent id, domain id) of projects that are no domains."""
        self._children: dict[str, list[str]] = {}
        self._parent: dict[str, str | None] = {}
        for project_id, parent_id, _ in rows:
            self._parent[project_id] = parent_id
            if parent_id is not None:
                self._children.setdefault(parent_id, []).append(project_id)

    def below(self, root: str) -> list[str]:
        """Every project below a project or a domain."""
        found: list[str] = []
        pending = list(self._children.get(root, ()))
        while pending:
            project_id = pending.pop()
            found.append(project_id)
            pending.extend(self._children.get(project_id, ()))
        return found

    def above(self, project_id: str) -> list[str]:
        """Every ancestor, nearest first; the last is the domain."""
        found: list[str] = []
        parent = self._parent.get(project_id)
        while parent is not None and parent not in found:
            found.append(parent)
            parent = self._parent.get(parent)
        return found


class Wanted(NamedTuple):
    """What of the expansion is of interest; None means everything."""

    user_id: str | None = None
    target_ids: frozenset[str] | None = None
    role_id: str | None = None


def expand(
    assignments: Iterable[Assignment],
    members: Mapping[str, Sequence[str]],
    tree: Tree,
    implied: Implications,
    hidden: frozenset[str] = frozenset(),
    wanted: Wanted = Wanted(),  # noqa: B008 - immutable
) -> list[Effective]:
    """Every assignment as the users, targets and roles for which it takes effect.

    `members` maps group ids to user ids; `hidden` are roles of domains, left out at the end.
    """
    found: dict[Effective, None] = {}
    for assignment in assignments:
        for effective in _spread(assignment, members, tree):
            if wanted.user_id is not None and effective.user_id != wanted.user_id:
                continue
            if wanted.target_ids is not None and effective.target_id not in wanted.target_ids:
                continue
            for result in _with_implied(effective, implied):
                if result.role_id not in hidden and wanted.role_id in (None, result.role_id):
                    found[result] = None
    return list(found)


def _spread(assignment: Assignment, members: Mapping[str, Sequence[str]], tree: Tree) -> Iterator[Effective]:
    group_id = assignment.actor_id if assignment.actor_kind == "group" else None
    users = members.get(assignment.actor_id, ()) if group_id is not None else (assignment.actor_id,)
    if not assignment.inherited:
        for user_id in users:
            yield Effective(
                assignment.role_id, user_id, assignment.target_kind, assignment.target_id, group_id=group_id
            )
        return
    for project_id in tree.below(assignment.target_id):
        for user_id in users:
            yield Effective(
                assignment.role_id,
                user_id,
                "project",
                project_id,
                group_id=group_id,
                source_kind=assignment.target_kind,
                source_id=assignment.target_id,
            )


def _with_implied(effective: Effective, implied: Implications) -> Iterator[Effective]:
    """The assignment itself, then one for each implied role, naming the role that implies it directly."""
    yield effective
    seen = {effective.role_id}
    pending = [effective.role_id]
    while pending:
        prior = pending.pop()
        for role_id in implied.get(prior, ()):
            if role_id in seen:
                continue
            seen.add(role_id)
            pending.append(role_id)
            yield Effective(
                role_id,
                effective.user_id,
                effective.target_kind,
                effective.target_id,
                group_id=effective.group_id,
                source_kind=effective.source_kind,
                source_id=effective.source_id,
                prior_role_id=prior,
            )
