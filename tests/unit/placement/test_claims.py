"""Claims: never above the capacity, all or nothing, and given back to the last unit."""

from collections.abc import Iterator

import pytest

from unit.placement.support import Inventory, add, assert_books_balance, uid
from unkai.kernel.scope import Scope
from unkai.kernel.store import Database, Tx
from unkai.placement import service as placement
from unkai.placement.errors import (
    CapacityExceeded,
    ConstraintsViolated,
    ConsumerGenerationConflict,
    NoInventory,
    ProviderGenerationConflict,
    ProviderInUse,
    UnknownAllocationProvider,
    UnknownResourceClass,
    UnknownTraits,
)
from unkai.placement.model import Claim
from unkai.placement.service import allocations, inventories, providers, reshape

C1, C2 = uid("consumer 1"), uid("consumer 2")


@pytest.fixture
def db(ledger: Database) -> Iterator[Database]:
    def fill(tx: Tx) -> None:
        add(tx, "a", {"VCPU": Inventory(4, allocation_ratio=2.0), "MEMORY_MB": Inventory(1024, reserved=24)})
        add(tx, "b", {"DISK_GB": Inventory(100, min_unit=10, max_unit=50, step_size=5)})

    ledger.run_now(fill)
    yield ledger
    ledger.read_now(assert_books_balance)


def claim(db: Database, consumer: str, amounts: dict[str, dict[str, int]]) -> None:
    db.run_now(placement.claim, consumer, amounts, "p", "u")


def used(db: Database, name: str) -> dict[str, int]:
    return db.read_now(inventories.usages, uid(name))[1]


def test_a_claim_uses_and_a_release_restores(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 3, "MEMORY_MB": 500}, uid("b"): {"DISK_GB": 20}})
    assert used(db, "a") == {"MEMORY_MB": 500, "VCPU": 3}
    assert used(db, "b") == {"DISK_GB": 20}
    assert db.run_now(placement.release, C1) is True
    assert used(db, "a") == {"MEMORY_MB": 0, "VCPU": 0}
    assert db.run_now(placement.release, C1) is False


def test_the_capacity_counts_ratio_and_reserve(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 8}})
    with pytest.raises(CapacityExceeded) as refused:
        claim(db, C2, {uid("a"): {"VCPU": 1}})
    assert refused.value.params == {"uuid": uid("a"), "resource_class": "VCPU", "needed": 1, "had": 0}
    claim(db, C2, {uid("a"): {"MEMORY_MB": 1000}})
    with pytest.raises(CapacityExceeded):
        claim(db, uid("c3"), {uid("a"): {"MEMORY_MB": 1}})


def test_a_refused_claim_changes_nothing_and_the_transaction_goes_on(db: Database) -> None:
    def try_both(tx: Tx) -> None:
        with pytest.raises(CapacityExceeded):
            placement.claim(tx, C1, {uid("a"): {"VCPU": 2, "MEMORY_MB": 5000}}, "p", "u")
        placement.claim(tx, C1, {uid("a"): {"VCPU": 1}}, "p", "u")

    generation = db.read_now(providers.get, uid("a")).generation
    db.run_now(try_both)
    assert used(db, "a") == {"MEMORY_MB": 0, "VCPU": 1}
    assert db.read_now(providers.get, uid("a")).generation == generation + 1


def test_a_repeated_claim_replaces(db: Database) -> None:
    for amount in (8, 8, 3):
        claim(db, C1, {uid("a"): {"VCPU": amount}})
    assert used(db, "a")["VCPU"] == 3
    holding = db.read_now(placement.allocations_by_consumers, [C1])[C1]
    assert (holding.consumer.generation, holding.amounts) == (3, {uid("a"): {"VCPU": 3}})


@pytest.mark.parametrize("amount", [5, 9, 12, 51, 55])
def test_units(db: Database, amount: int) -> None:
    with pytest.raises(ConstraintsViolated):
        claim(db, C1, {uid("b"): {"DISK_GB": amount}})


def test_what_does_not_exist_cannot_be_claimed(db: Database) -> None:
    with pytest.raises(UnknownAllocationProvider):
        claim(db, C1, {uid("nobody"): {"VCPU": 1}})
    with pytest.raises(NoInventory):
        claim(db, C1, {uid("a"): {"DISK_GB": 10}})
    with pytest.raises(UnknownResourceClass):
        claim(db, C1, {uid("a"): {"CUSTOM_NOTHING": 1}})


def test_what_one_gives_up_another_may_take_in_the_same_call(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 8}})
    db.run_now(allocations.apply, [Claim(C1, {}, "p", "u"), Claim(C2, {uid("a"): {"VCPU": 8}}, "p", "u")])
    assert set(db.read_now(placement.consumers_on, uid("a"))) == {C2}
    db.run_now(placement.move_consumer, C2, C1, "MIGRATION")
    holding = db.read_now(placement.allocations_by_consumers, [C1, C2])
    assert set(holding) == {C1}
    assert holding[C1].consumer.type == "MIGRATION"


def test_using_less_is_allowed_where_the_inventory_shrank(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 8}})
    db.run_now(placement.set_inventories, uid("a"), {"VCPU": Inventory(1), "MEMORY_MB": Inventory(1024, reserved=24)})
    claim(db, C1, {uid("a"): {"VCPU": 4}})
    with pytest.raises(CapacityExceeded):
        claim(db, C1, {uid("a"): {"VCPU": 5}})
    assert used(db, "a")["VCPU"] == 4


def test_consumer_generations(db: Database) -> None:
    one = Claim(C1, {uid("a"): {"VCPU": 1}}, "p", "u", generation=None)
    with pytest.raises(ConsumerGenerationConflict, match="expected null but got 3"):
        db.run_now(allocations.apply, [Claim(C1, one.amounts, "p", "u", generation=3)])
    db.run_now(allocations.apply, [one])
    with pytest.raises(ConsumerGenerationConflict, match="expected 1 but got null"):
        db.run_now(allocations.apply, [one])
    db.run_now(allocations.apply, [Claim(C1, {}, "p", "u", generation=1)])
    assert db.read_now(placement.allocations_by_consumers, [C1]) == {}


def test_inventories_in_use_stay(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 1}})
    assert db.run_now(placement.set_inventories, uid("a"), {"DISK_GB": Inventory(7)}) is True
    assert set(used(db, "a")) == {"VCPU", "DISK_GB"}
    with pytest.raises(ProviderInUse):
        db.run_now(placement.remove_provider, uid("a"))
    db.run_now(placement.release, C1)
    db.run_now(placement.remove_provider, uid("a"))
    assert db.read_now(placement.providers_by_uuids, [uid("a")]) == {}


def test_what_does_not_differ_is_not_written(db: Database) -> None:
    same = {"VCPU": Inventory(4, allocation_ratio=2.0), "MEMORY_MB": Inventory(1024, reserved=24)}
    before = db.read_now(providers.get, uid("a"))
    assert db.run_now(placement.set_inventories, uid("a"), same) is False
    db.run_now(placement.set_traits, uid("a"), [])
    db.run_now(placement.ensure_provider, uid("a"), "a")
    assert db.read_now(providers.get, uid("a")) == before


def test_traits_of_rooms_make_custom_ones_and_refuse_unknown_ones(db: Database) -> None:
    db.run_now(placement.set_traits, uid("a"), ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"])
    assert db.read_now(placement.traits_by_providers, [uid("a")]) == {uid("a"): ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]}
    with pytest.raises(UnknownTraits, match="HW_CPU_X86_NONSENSE"):
        db.run_now(placement.set_traits, uid("a"), ["HW_CPU_X86_NONSENSE"])
    assert db.read_now(placement.traits_by_providers, [uid("a")])[uid("a")] == ["CUSTOM_GOLD", "HW_CPU_X86_AVX2"]


def test_a_tree_goes_from_its_leaves(db: Database) -> None:
    def grow(tx: Tx) -> None:
        add(tx, "child", {"VGPU": 2}, parent="a")
        add(tx, "grandchild", {}, parent="child")

    db.run_now(grow)
    db.run_now(placement.remove_provider, uid("a"))
    assert set(
        db.read_now(placement.providers_by_uuids, [uid(name) for name in ("a", "child", "grandchild", "b")])
    ) == {uid("b")}


def test_reshaping_moves_inventory_and_allocations_together(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 2, "MEMORY_MB": 10}})

    def split(tx: Tx) -> None:
        add(tx, "numa", {}, parent="a")
        shapes = {
            uid("a"): reshape.Shape(providers.get(tx, uid("a")).generation, {"MEMORY_MB": Inventory(1024)}),
            uid("numa"): reshape.Shape(providers.get(tx, uid("numa")).generation, {"VCPU": Inventory(4)}),
        }
        moved = {uid("a"): {"MEMORY_MB": 10}, uid("numa"): {"VCPU": 2}}
        reshape.reshape(tx, shapes, [Claim(C1, moved, "p", "u", generation=1)])

    db.run_now(split)
    assert used(db, "a") == {"MEMORY_MB": 10}
    assert used(db, "numa") == {"VCPU": 2}
    with pytest.raises(ProviderGenerationConflict):
        db.run_now(reshape.reshape, {uid("a"): reshape.Shape(0, {})}, [])


def test_usages_are_of_the_scope_only(db: Database) -> None:
    claim(db, C1, {uid("a"): {"VCPU": 2}})
    db.run_now(allocations.apply, [Claim(C2, {uid("a"): {"VCPU": 1}}, "p2", "u2")])
    assert db.read_now(allocations.usages, Scope.project("p")) == {"INSTANCE": {"consumer_count": 1, "VCPU": 2}}
    assert db.read_now(allocations.usages, Scope.project("p2")) == {"unknown": {"consumer_count": 1, "VCPU": 1}}
    assert db.read_now(allocations.usages, Scope.nothing()) == {}
    both = db.read_now(allocations.usages, Scope.system(), None, "all")
    assert both == {"all": {"consumer_count": 2, "VCPU": 3}}
    assert db.read_now(placement.consumers_per_provider, "INSTANCE") == {uid("a"): 1}


def test_holdings_cost_two_statements_whatever_their_number(db: Database) -> None:
    for number in range(4):
        claim(db, uid(str(number)), {uid("a"): {"VCPU": 1}, uid("b"): {"DISK_GB": 10}})
    before = db.statements
    assert len(db.read_now(placement.allocations_by_consumers, [uid(str(number)) for number in range(4)])) == 4
    assert db.statements - before <= 3  # with SQLite's BEGIN
