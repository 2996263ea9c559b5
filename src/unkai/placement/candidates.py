"""Allocation candidates: which combinations of providers could serve a request (upstream API: since 1.10).

A request has groups. The group "" may spread its classes over the providers of one tree and over sharing providers
connected to that tree by an aggregate; every other group is served by one provider. The search goes tree by tree and
stops at its limit, so that a small question about a large cloud costs little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from unkai.placement.catalog import SHARES_VIA_AGGREGATE
from unkai.placement.index import NONE, Index, Mask

Choices = tuple[frozenset[str], ...]


class Group(msgspec.Struct, frozen=True):
    """What one group asks for. `required` and `member_of` are alternatives that must each be met; `tree` is the uuid
    of any provider of the tree that has to serve it."""

    resources: Mapping[str, int] = {}
    required: Choices = ()
    forbidden: frozenset[str] = frozenset()
    member_of: Choices = ()
    not_member_of: frozenset[str] = frozenset()
    tree: str | None = None


class Question(msgspec.Struct, frozen=True):
    """Groups by suffix ("" has none). `isolate`: no two groups with a suffix on one provider. `nested` False (API
    before 1.29) allows one provider of each tree only. `limit` None is no limit."""

    groups: Mapping[str, Group]
    isolate: bool = False
    root_required: Choices = ()
    root_forbidden: frozenset[str] = frozenset()
    same_subtree: tuple[frozenset[str], ...] = ()
    nested: bool = True
    limit: int | None = None
    shuffle: bool = False


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """Amounts by the index' row of a provider, and which rows serve which group.

    Not seen by the garbage collector, which would otherwise cost twice what the search does.
    """

    amounts: Mapping[int, Mapping[str, int]]
    mappings: Mapping[str, tuple[int, ...]]

    def key(self) -> tuple[object, ...]:
        return (
            tuple(sorted((row, *sorted(amounts.items())) for row, amounts in self.amounts.items())),
            tuple(sorted(self.mappings.items())),
        )


class _Slot(msgspec.Struct, frozen=True):
    """Something one provider has to serve: a whole group, or one class of the group without a suffix."""

    suffix: str
    resources: Mapping[str, int]
    rows: Mask


def search(index: Index, question: Question) -> Iterator[Candidate]:
    """Candidates, tree by tree. The caller holds the index' lock while it takes them."""
    if not question.groups or (question.limit is not None and question.limit <= 0):
        return
    hunt = _Search(index, question)
    found = 0
    seen: set[tuple[object, ...]] = set()
    roots = np.flatnonzero(hunt.roots())
    if question.shuffle:
        np.random.default_rng().shuffle(roots)
    for candidate in hunt.candidates(roots.tolist()):
        if hunt.sharing:
            # What only sharing providers serve is the same for every tree they are connected to.
            key = candidate.key()
            if key in seen:
                continue
            seen.add(key)
        yield candidate
        found += 1
        if found == question.limit:
            return


def roots_with(index: Index, resource_class: str, amount: int) -> Mask:
    """Rows of roots whose tree, or a provider that shares with it, can serve so much of one class."""
    return _Search(index, Question({"": Group({resource_class: amount})})).roots()


def offer(index: Index, uuid: str, resources: Mapping[str, int]) -> dict[str, dict[str, int]] | None:
    """The first way to serve the resources from the provider's tree and what is shared with it: amounts by uuid."""
    row = index.row_by_uuid.get(uuid)
    if row is None:
        return None
    if not index.trees and SHARES_VIA_AGGREGATE not in index.traits:
        return {uuid: dict(resources)}
    root = int(index.root[row])
    for found in _Search(index, Question({"": Group(resources)})).candidates([root]):
        return {index.uuids[used]: dict(amounts) for used, amounts in found.amounts.items()}
    return None


def room_for(index: Index, row: int, resource_class: str, amount: int) -> int:
    """How often the tree of a root can serve `amount` of a class, one after another; sharing providers left aside."""
    column = index.columns.get(resource_class)
    if column is None:
        return 0
    rows = index.tree_of(row)
    free = np.maximum(column.capacity[rows] - column.used[rows], 0)
    takes = (column.lowest[rows] <= amount) & (column.highest[rows] >= amount) & (amount % column.step[rows] == 0)
    return int((free[takes] // amount).sum())


class _Search:
    def __init__(self, index: Index, question: Question) -> None:
        self.index = index
        self.question = question
        self.slots = self._slots()
        self.anchors = self._anchors()
        self.sharing = list(self.anchors)

    # ---- which rows could serve what ----

    def _slots(self) -> list[_Slot]:
        found: list[_Slot] = []
        for suffix, group in self.question.groups.items():
            if suffix == "":
                common = self._common(group, spans=True)
                for name, amount in group.resources.items():
                    found.append(_Slot("", {name: amount}, common & self.index.fits(name, amount)))
            else:
                rows = self._common(group, spans=False)
                for name, amount in group.resources.items():
                    rows &= self.index.fits(name, amount)
                for choice in group.required:
                    rows &= self.index.has_any_trait(choice)
                found.append(_Slot(suffix, group.resources, rows))
        return found

    def _common(self, group: Group, *, spans: bool) -> Mask:
        """Rows that aggregates, forbidden traits and the tree leave. `spans`: a root's aggregates are its tree's."""
        index = self.index
        rows = index.alive.copy()
        if group.forbidden:
            rows &= ~index.has_any_trait(group.forbidden)
        for choice in group.member_of:
            rows &= self._members(choice, spans=spans)
        if group.not_member_of:
            rows &= ~self._members(group.not_member_of, spans=spans)
        if group.tree is not None:
            row = index.row_by_uuid.get(group.tree)
            rows &= index.root == (NONE - 1 if row is None else index.root[row])
        return rows

    def _members(self, aggregates: Iterable[str], *, spans: bool) -> Mask:
        members = self.index.in_any_aggregate(aggregates)
        if spans and members.any():
            members = members | (members[self.index.root] & (self.index.root != NONE))
        return members

    def _anchors(self) -> dict[int, Mask]:
        """Sharing rows that could serve something, and the roots of the trees they are connected to."""
        shared = self.index.traits.get(SHARES_VIA_AGGREGATE)
        if shared is None:
            return {}
        found: dict[int, Mask] = {}
        for row in shared:
            aggregates = self.index.row_aggregates[row]
            if aggregates and any(slot.rows[row] for slot in self.slots):
                found[row] = self._trees(self.index.in_any_aggregate(aggregates) & self.index.alive)
        return found

    def _trees(self, rows: Mask) -> Mask:
        """Roots of the trees in which one of the rows is."""
        found = np.zeros(len(rows), np.bool_)
        found[self.index.root[rows]] = True
        return found

    def roots(self) -> Mask:
        """Roots of trees where every slot has at least one provider."""
        index, question = self.index, self.question
        roots: Mask = index.alive & (index.parent == NONE)
        for slot in self.slots:
            within = self._trees(slot.rows)
            for row, anchored in self.anchors.items():
                if slot.rows[row]:
                    within |= anchored
            roots &= within
        for choice in question.root_required:
            roots &= index.has_any_trait(choice)
        if question.root_forbidden:
            roots &= ~index.has_any_trait(question.root_forbidden)
        return roots

    # ---- putting them together ----

    def candidates(self, roots: Sequence[int]) -> Iterator[Candidate]:
        """Of these trees, in this order."""
        amounts = _sum(slot.resources for slot in self.slots)
        alone = self._alone(amounts)
        for root in roots:
            near = [row for row, anchored in self.anchors.items() if anchored[root]] if self.anchors else []
            if not near and root not in self.index.trees:
                if alone[root]:
                    yield Candidate({root: amounts}, {slot.suffix: (root,) for slot in self.slots})
                continue
            tree = self.index.tree_of(root)
            rows = tree + [row for row in near if row not in tree]
            options = [[row for row in rows if slot.rows[row]] for slot in self.slots]
            yield from self._combine(options)

    def _alone(self, amounts: Mapping[str, int]) -> Mask:
        """Rows that could serve everything by themselves: most clouds' hosts have no children and share nothing."""
        index = self.index
        rows = index.alive.copy()
        if self.question.isolate and len([slot for slot in self.slots if slot.suffix]) > 1:
            rows[:] = False
        group = self.question.groups.get("")
        for choice in group.required if group is not None else ():
            rows &= index.has_any_trait(choice)
        if len({slot.suffix for slot in self.slots}) > 1:
            for name, amount in amounts.items():
                column = index.columns.get(name)
                if column is None:
                    rows[:] = False
                else:
                    rows &= (column.used <= column.capacity - amount) & (column.highest >= amount)
        return rows

    def _combine(self, options: Sequence[Sequence[int]]) -> Iterator[Candidate]:
        chosen: list[int] = []

        def extend() -> Iterator[Candidate]:
            position = len(chosen)
            if position == len(self.slots):
                candidate = self._candidate(chosen)
                if candidate is not None:
                    yield candidate
                return
            for row in options[position]:
                if self._may_join(chosen, row):
                    chosen.append(row)
                    yield from extend()
                    chosen.pop()

        yield from extend()

    def _may_join(self, chosen: Sequence[int], row: int) -> bool:
        slot = self.slots[len(chosen)]
        if self.question.isolate and slot.suffix:
            taken = (one for one, other in zip(chosen, self.slots, strict=False) if other.suffix)
            if row in taken:
                return False
        if not self.question.nested:
            root = self.index.root[row]
            if any(one != row and self.index.root[one] == root for one in chosen):
                return False
        if row in chosen:
            here = [other.resources for one, other in zip(chosen, self.slots, strict=False) if one == row]
            return self._fits(row, _sum([*here, slot.resources]))
        return True

    def _fits(self, row: int, amounts: Mapping[str, int]) -> bool:
        """Whether one provider can serve what several groups want of it together."""
        for name, amount in amounts.items():
            column = self.index.columns[name]
            if column.used[row] + amount > column.capacity[row] or amount > column.highest[row]:
                return False
        return True

    def _candidate(self, chosen: Sequence[int]) -> Candidate | None:
        by_suffix: dict[str, list[int]] = {}
        amounts: dict[int, dict[str, int]] = {}
        for slot, row in zip(self.slots, chosen, strict=True):
            rows = by_suffix.setdefault(slot.suffix, [])
            if row not in rows:
                rows.append(row)
            if slot.resources:
                here = amounts.setdefault(row, {})
                for name, amount in slot.resources.items():
                    here[name] = here.get(name, 0) + amount
        group = self.question.groups.get("")
        if group is not None and not self._has_all(group.required, by_suffix.get("", ())):
            return None
        if not all(self._one_subtree(suffixes, by_suffix) for suffixes in self.question.same_subtree):
            return None
        return Candidate(amounts, {suffix: tuple(rows) for suffix, rows in by_suffix.items()})

    def _has_all(self, required: Choices, rows: Iterable[int]) -> bool:
        """Whether the rows together have a trait of each choice."""
        if not required:
            return True
        traits = frozenset().union(*(self.index.row_traits[row] for row in rows))
        return all(choice & traits for choice in required)

    def _one_subtree(self, suffixes: Iterable[str], by_suffix: Mapping[str, Sequence[int]]) -> bool:
        """Whether one of the providers that serve these groups is above all others of them."""
        rows = {row for suffix in suffixes for row in by_suffix.get(suffix, ())}
        above = [self._self_and_ancestors(row) for row in rows]
        return any(all(row in chain for chain in above) for row in rows)

    def _self_and_ancestors(self, row: int) -> set[int]:
        found = set()
        while row != NONE:
            found.add(row)
            row = int(self.index.parent[row])
        return found


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for name, amount in part.items():
            found[name] = found.get(name, 0) + amount
    return found
