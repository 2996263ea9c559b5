"""Random work on the ledger against a model of a few dictionaries, and the index against the ledger."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unit.placement.support import Inventory, add, assert_books_balance, assert_index_is_ledger, open_ledger, uid
from unkai.kernel.store import Tx
from unkai.placement import service as placement
from unkai.placement.errors import CapacityExceeded, NoInventory, ParentLoop, ProviderInUse, UnknownAllocationProvider
from unkai.placement.index import Index

NAMES = ("a", "b", "c", "d", "e")
CONSUMERS = tuple(uid(f"consumer {number}") for number in range(5))
CLASSES = ("VCPU", "MEMORY_MB", "VGPU")
TRAITS = ("HW_CPU_X86_AVX2", "CUSTOM_X", "CUSTOM_Y")

names = st.sampled_from(NAMES)
amounts = st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 6), min_size=1)


class Broken(Exception):
    """Raised in the middle of a transaction, to roll it back."""


class Ledger(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.db = open_ledger(Path(self.folder.name))
        self.index = Index()
        self.capacity: dict[str, dict[str, int]] = {}
        self.held: dict[str, dict[str, dict[str, int]]] = {}

    def used(self, name: str, resource_class: str) -> int:
        return sum(held.get(uid(name), {}).get(resource_class, 0) for consumer, held in self.held.items() if held)

    @rule(name=names, stock=st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 12)), parent=st.none() | names)
    def provide(self, name: str, stock: dict[str, int], parent: str | None) -> None:
        if parent == name or parent not in (None, *self.capacity):
            parent = None
        try:
            self.db.run_now(lambda tx: add(tx, name, stock, parent=parent))
        except ParentLoop:
            return
        old = self.capacity.get(name, {})
        kept = {one: old[one] for one in old if one not in stock and self.used(name, one)}
        self.capacity[name] = kept | stock

    @rule(name=names, traits=st.sets(st.sampled_from(TRAITS)), aggregates=st.sets(names))
    def describe(self, name: str, traits: set[str], aggregates: set[str]) -> None:
        if name in self.capacity:
            self.db.run_now(placement.set_traits, uid(name), traits)
            self.db.run_now(placement.set_aggregates, uid(name), {uid(one) for one in aggregates})

    @rule(consumer=st.sampled_from(CONSUMERS), wanted=st.dictionaries(names, amounts, min_size=1, max_size=2))
    def claim(self, consumer: str, wanted: dict[str, dict[str, int]]) -> None:
        asked = {uid(name): one for name, one in wanted.items()}
        before = self.held.pop(consumer, {})
        try:
            self.db.run_now(placement.claim, consumer, asked, "p", "u")
        except (CapacityExceeded, NoInventory, UnknownAllocationProvider) as error:
            assert not self.fits(wanted, before), error
            if before:
                self.held[consumer] = before
            return
        assert self.fits(wanted, before)
        self.held[consumer] = asked

    def fits(self, wanted: dict[str, dict[str, int]], before: dict[str, dict[str, int]]) -> bool:
        """With the consumer's former holding taken away; holding no more than before always fits."""
        return all(
            name in self.capacity
            and one in self.capacity[name]
            and (
                amount <= before.get(uid(name), {}).get(one, 0)
                or self.used(name, one) + amount <= self.capacity[name][one]
            )
            for name, classes in wanted.items()
            for one, amount in classes.items()
        )

    @rule(consumer=st.sampled_from(CONSUMERS))
    def release(self, consumer: str) -> None:
        assert self.db.run_now(placement.release, consumer) is (consumer in self.held)
        self.held.pop(consumer, None)

    @rule(name=names)
    def remove(self, name: str) -> None:
        try:
            self.db.run_now(placement.remove_provider, uid(name))
        except ProviderInUse:
            return
        left = self.db.read_now(placement.providers_by_uuids, [uid(one) for one in self.capacity])
        self.capacity = {one: stock for one, stock in self.capacity.items() if uid(one) in left}

    @rule(consumer=st.sampled_from(CONSUMERS), name=names)
    def roll_back(self, consumer: str, name: str) -> None:
        """What was never committed must not stay in the index."""

        def work(tx: Tx) -> None:
            add(tx, f"{name} for a moment", {"VCPU": 5})
            placement.claim(tx, consumer, {uid(f"{name} for a moment"): {"VCPU": 5}}, "p", "u")
            self.index.refresh(tx)
            raise Broken

        try:
            self.db.run_now(work)
        except Broken:
            return

    @rule()
    def follow(self) -> None:
        self.db.read_now(self.index.refresh)

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "db"):
            return
        self.db.read_now(assert_books_balance)
        self.db.read_now(assert_index_is_ledger, self.index)
        fresh = Index()
        self.db.read_now(assert_index_is_ledger, fresh)

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.close()
            self.folder.cleanup()


Ledger.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLedger = Ledger.TestCase


def test_inventory_capacity_rounds_down() -> None:
    assert Inventory(3, allocation_ratio=1.5).capacity == 4
    assert Inventory(10, reserved=10).capacity == 0
