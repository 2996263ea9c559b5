"""The ledger's facts in columns: one row per provider, for questions that touch all of them.

    index.refresh(tx)                              # follow the change log: a few rows, or everything the first time
    rows = index.matching({"VCPU": 2}, required=[{"HW_CPU_X86_AVX2"}])

The ledger decides, the index only suggests: what it knows may be older than a commit, and a claim that loses
against newer facts costs its caller another try.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from unkai.kernel.store import Tx
from unkai.placement.model import Provider
from unkai.placement.store import changes, inventories, providers
from unkai.placement.store.changes import Position

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_MANY = 5000  # changed providers from which reading everything is cheaper than naming each
_SPARSE = 64  # members up to which a set of rows is kept as a set
NONE = -1


class RowSet:
    """A set of rows: a small one as a set, a large one as bits."""

    __slots__ = ("_bits", "_rows")

    def __init__(self) -> None:
        self._rows: set[int] | None = set()
        self._bits: npt.NDArray[np.uint8] = np.empty(0, np.uint8)

    def add(self, row: int) -> None:
        if self._rows is not None:
            self._rows.add(row)
            if len(self._rows) <= _SPARSE:
                return
            rows, self._rows = self._rows, None
            for one in rows:
                self._set(one)
            return
        self._set(row)

    def _set(self, row: int) -> None:
        byte = row >> 3
        if byte >= len(self._bits):
            grown = np.zeros(max(byte + 1, len(self._bits) * 2), np.uint8)
            grown[: len(self._bits)] = self._bits
            self._bits = grown
        self._bits[byte] |= 1 << (row & 7)

    def discard(self, row: int) -> None:
        if self._rows is not None:
            self._rows.discard(row)
        elif row >> 3 < len(self._bits):
            self._bits[row >> 3] &= 0xFF ^ (1 << (row & 7))

    def __contains__(self, row: int) -> bool:
        if self._rows is not None:
            return row in self._rows
        return row >> 3 < len(self._bits) and bool(self._bits[row >> 3] >> (row & 7) & 1)

    def __iter__(self) -> Iterator[int]:
        if self._rows is not None:
            return iter(tuple(self._rows))
        return iter(np.flatnonzero(np.unpackbits(self._bits, bitorder="little")).tolist())

    def mask(self, size: int) -> Mask:
        """As booleans over `size` rows."""
        found = np.zeros(size, np.bool_)
        if self._rows is not None:
            found[list(self._rows)] = True
        else:
            bits = np.unpackbits(self._bits, count=min(size, len(self._bits) * 8), bitorder="little")
            found[: len(bits)] = bits.view(np.bool_)
        return found


class Column:
    """One resource class over all rows. Rows without it have a capacity of -1, into which nothing fits."""

    __slots__ = ("capacity", "highest", "lowest", "size", "step", "used")

    def __init__(self, rows: int) -> None:
        self.size = np.zeros(rows, np.int64)
        self.capacity = np.full(rows, NONE, np.int64)
        self.used = np.zeros(rows, np.int64)
        self.lowest = np.ones(rows, np.int32)
        self.highest = np.zeros(rows, np.int32)
        self.step = np.ones(rows, np.int32)

    def grow(self, rows: int) -> None:
        fresh = Column(rows)
        for name in self.__slots__:
            old = getattr(self, name)
            getattr(fresh, name)[: len(old)] = old
            setattr(self, name, getattr(fresh, name))

    def clear(self, row: int) -> None:
        self.capacity[row] = NONE
        self.size[row] = self.used[row] = self.highest[row] = 0

    def fits(self, amount: int) -> Mask:
        """Where `amount` more may be allocated."""
        found: Mask = self.used <= self.capacity - amount
        found &= self.lowest <= amount
        found &= self.highest >= amount
        if amount > 1 or bool((self.step > 1).any()):
            found &= amount % self.step == 0
        return found

    def fits_at(self, row: int, amount: int) -> bool:
        return bool(
            self.used[row] + amount <= self.capacity[row]
            and self.lowest[row] <= amount <= self.highest[row]
            and amount % self.step[row] == 0
        )


class Index:
    """Columns over all providers. Readers hold `lock` while they use rows: a refresh may move things."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._position: Position | None = None
        self.layout = 0  # changes whenever a row becomes, or ceases to be, some provider's
        self._clear(0)

    def _clear(self, rows: int) -> None:
        self.layout += 1
        self.count = 0  # rows in use or freed; arrays may be longer
        self._free: list[int] = []
        self.row_by_uuid: dict[str, int] = {}
        self._row_by_number: dict[int, int] = {}
        self.uuids: list[str] = []
        self.names: list[str] = []
        self.generations: list[int] = []
        self.alive = np.zeros(rows, np.bool_)
        self.parent = np.full(rows, NONE, np.int32)
        self.root = np.full(rows, NONE, np.int32)
        self._numbers: list[tuple[int, int | None, int]] = []  # of the provider, its parent, its root
        self.columns: dict[str, Column] = {}
        self.traits: dict[str, RowSet] = {}
        self.aggregates: dict[str, RowSet] = {}
        self.row_traits: list[frozenset[str]] = []
        self.row_aggregates: list[frozenset[str]] = []
        self.trees: dict[int, list[int]] = {}  # root row: its rows, only of trees with children
        self._interned: dict[frozenset[str], frozenset[str]] = {}

    # ---- following the ledger ----

    def refresh(self, tx: Tx) -> int:
        """Take over what changed since the last time. Returns how many providers were read.

        A transaction that has written to the ledger itself is left alone: what it sees may never be committed.
        """
        if changes.is_dirty(tx):
            return 0
        with self.lock:
            if self._position is None:
                return self._load(tx, changes.position(tx))
            now, numbers = changes.since(tx, self._position)
            if numbers is None:
                return self._load(tx, now)
            if len(numbers) > _MANY:
                return self._load(tx, now)
            if numbers:
                self._reread(tx, numbers)
            self._position = now
            return len(numbers)

    def _load(self, tx: Tx, now: Position) -> int:
        if self._position is not None and now.seq < self._position.seq and tx.dialect != "postgresql":
            return 0  # this transaction's view is older than what is known
        found = providers.everything(tx)
        self._clear(len(found))
        self._take_over(tx, found, None)
        self._position = now
        return len(found)

    def _reread(self, tx: Tx, numbers: Sequence[int]) -> None:
        found = providers.by_ids(tx, numbers)
        for number in numbers:
            if number not in found:
                self._remove(number)
        self._take_over(tx, list(found.values()), list(found))

    def _take_over(self, tx: Tx, found: Sequence[Provider], ids: list[int] | None) -> None:
        rows = {one.id: self._place(one) for one in found}
        self._link(found)
        traits = providers.traits_of(tx, ids)
        aggregates = providers.aggregates_of(tx, ids)
        for number, row in rows.items():
            self._label(self.row_traits, self.traits, row, traits.get(number, ()))
            self._label(self.row_aggregates, self.aggregates, row, aggregates.get(number, ()))
            if ids is not None:
                for column in self.columns.values():
                    column.clear(row)
        for number, name, size, capacity, used, lowest, highest, step in inventories.columns(tx, ids):
            if number not in rows:
                continue  # committed between two statements: the log will name it next time
            column = self._column(name)
            row = rows[number]
            column.size[row], column.capacity[row], column.used[row] = size, capacity, used
            column.lowest[row], column.highest[row], column.step[row] = lowest, highest, step

    def _place(self, one: Provider) -> int:
        row = self._row_by_number.get(one.id)
        if row is None:
            row = self._free.pop() if self._free else self._append()
            self._row_by_number[one.id] = row
            self.layout += 1
        elif self.uuids[row] != one.uuid:
            self.row_by_uuid.pop(self.uuids[row], None)
        self.row_by_uuid[one.uuid] = row
        self.uuids[row], self.names[row], self.generations[row] = one.uuid, one.name, one.generation
        self.alive[row] = True
        return row

    def _append(self) -> int:
        row = self.count
        self.count += 1
        if row >= len(self.alive):
            self._grow(max(64, row * 5 // 4))
        self.uuids.append("")
        self.names.append("")
        self.generations.append(0)
        self.row_traits.append(frozenset())
        self.row_aggregates.append(frozenset())
        return row

    def _grow(self, rows: int) -> None:
        old = len(self.alive)
        self.alive = np.concatenate([self.alive, np.zeros(rows - old, np.bool_)])
        self.parent = np.concatenate([self.parent, np.full(rows - old, NONE, np.int32)])
        self.root = np.concatenate([self.root, np.full(rows - old, NONE, np.int32)])
        for column in self.columns.values():
            column.grow(rows)

    def _link(self, found: Iterable[Provider]) -> None:
        """Set parents and roots. Both come before their children in the change log of the same transaction."""
        for one in found:
            row = self.row_by_uuid[one.uuid]
            self.parent[row] = self.row_by_uuid.get(one.parent_uuid, NONE) if one.parent_uuid else NONE
            root = self.row_by_uuid.get(one.root_uuid, row)
            old = int(self.root[row])
            if old == root:
                continue
            if old != NONE:
                self._leave_tree(row, old)
            self.root[row] = root
            if root != row:
                self.trees.setdefault(root, [root]).append(row)

    def _leave_tree(self, row: int, root: int) -> None:
        members = self.trees.get(root)
        if members is not None and row in members and row != root:
            members.remove(row)
            if len(members) == 1:
                del self.trees[root]

    def _remove(self, number: int) -> None:
        row = self._row_by_number.pop(number, None)
        if row is None:
            return
        self.layout += 1
        self._leave_tree(row, int(self.root[row]))
        self.row_by_uuid.pop(self.uuids[row], None)
        self.trees.pop(row, None)
        self._label(self.row_traits, self.traits, row, ())
        self._label(self.row_aggregates, self.aggregates, row, ())
        for column in self.columns.values():
            column.clear(row)
        self.alive[row] = False
        self.parent[row] = self.root[row] = NONE
        self.uuids[row] = self.names[row] = ""
        self._free.append(row)

    def _label(
        self, by_row: list[frozenset[str]], by_name: dict[str, RowSet], row: int, wanted: Iterable[str]
    ) -> None:
        names = frozenset(wanted)
        names = self._interned.setdefault(names, names)  # thousands of hosts share a handful of sets
        old = by_row[row]
        if old is names:
            return
        for name in old - names:
            by_name[name].discard(row)
        for name in names - old:
            by_name.setdefault(name, RowSet()).add(row)
        by_row[row] = names

    def _column(self, name: str) -> Column:
        found = self.columns.get(name)
        if found is None:
            found = self.columns[name] = Column(len(self.alive))
        return found

    # ---- asking ----

    def fits(self, resource_class: str, amount: int) -> Mask:
        column = self.columns.get(resource_class)
        return np.zeros(len(self.alive), np.bool_) if column is None else column.fits(amount)

    def has_any_trait(self, names: Iterable[str]) -> Mask:
        return self._any(self.traits, names)

    def in_any_aggregate(self, names: Iterable[str]) -> Mask:
        return self._any(self.aggregates, names)

    def _any(self, by_name: Mapping[str, RowSet], names: Iterable[str]) -> Mask:
        found = np.zeros(len(self.alive), np.bool_)
        for name in names:
            members = by_name.get(name)
            if members is not None:
                found |= members.mask(len(self.alive))
        return found

    def matching(
        self,
        resources: Mapping[str, int],
        required: Iterable[Iterable[str]] = (),
        forbidden: Iterable[str] = (),
        member_of: Iterable[Iterable[str]] = (),
        not_member_of: Iterable[str] = (),
    ) -> Mask:
        """Rows that satisfy everything by themselves; each of `required` and `member_of` is a set of alternatives."""
        found = self.alive.copy()
        for name, amount in resources.items():
            found &= self.fits(name, amount)
        for choice in required:
            found &= self.has_any_trait(choice)
        for choice in member_of:
            found &= self.in_any_aggregate(choice)
        refused = self.has_any_trait(forbidden) | self.in_any_aggregate(not_member_of)
        found &= ~refused
        return found

    def tree_of(self, row: int) -> list[int]:
        """All rows of a root's tree, itself included."""
        return self.trees.get(row) or [row]

    def classes_at(self, row: int) -> list[str]:
        return [name for name, column in self.columns.items() if column.capacity[row] != NONE]
