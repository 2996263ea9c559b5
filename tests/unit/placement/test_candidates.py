"""Allocation candidates: upstream's documented cases, and every answer against a search that tries everything."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit.placement.support import Inventory, add, open_ledger, uid
from unkai.kernel.store import Database, Tx
from unkai.placement import service as placement
from unkai.placement.candidates import Candidate, Group, Question, offer, room_for, roots_with, search
from unkai.placement.index import Index

SHARES = "MISC_SHARES_VIA_AGGREGATE"
Found = set[tuple[tuple[str, tuple[tuple[str, int], ...]], ...]]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = open_ledger(tmp_path)
    yield made
    made.close()


def load(db: Database) -> Index:
    index = Index()
    db.read_now(index.refresh)
    return index


def readable(index: Index, found: Sequence[Candidate]) -> list[dict[str, dict[str, int]]]:
    return [{index.names[row]: dict(amounts) for row, amounts in one.amounts.items()} for one in found]


def ask(index: Index, groups: Mapping[str, Group], **rest: object) -> list[dict[str, dict[str, int]]]:
    return readable(index, list(search(index, Question(groups, **rest))))  # type: ignore[arg-type]


def two_numa_hosts(tx: Tx) -> None:
    """The picture of upstream's guide to provider trees: NUMA nodes under hosts, storage shared by an aggregate."""
    add(tx, "ss1", {"DISK_GB": 1000}, traits=[SHARES], aggregates=["A"])
    add(tx, "cn1", {"MEMORY_MB": 1024, "DISK_GB": 1000}, aggregates=["A", "B"])
    add(tx, "cn2", {"MEMORY_MB": 1024, "DISK_GB": 1000}, aggregates=["A"])
    for host, number in itertools.product((1, 2), (1, 2)):
        inside = ["B"] if (host, number) == (2, 1) else []
        add(tx, f"numa{host}_{number}", {"VCPU": 8}, parent=f"cn{host}", aggregates=inside)


WANTED = {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 500}


def test_trees_and_sharing_providers_serve_together(db: Database) -> None:
    db.run_now(two_numa_hosts)
    index = load(db)
    found = ask(index, {"": Group(WANTED)})
    assert len(found) == 8
    assert {"numa1_1": {"VCPU": 1}, "cn1": {"MEMORY_MB": 512}, "ss1": {"DISK_GB": 500}} in found
    assert {"numa2_2": {"VCPU": 1}, "cn2": {"MEMORY_MB": 512, "DISK_GB": 500}} in found
    assert len(ask(index, {"": Group(WANTED)}, limit=3)) == 3
    assert ask(index, {"": Group(WANTED)}, nested=False) == []


def test_an_aggregate_of_a_root_spans_its_tree(db: Database) -> None:
    db.run_now(two_numa_hosts)
    index = load(db)
    assert len(ask(index, {"": Group(WANTED, member_of=(frozenset({uid("A")}),))})) == 8
    of_b = ask(index, {"": Group(WANTED, member_of=(frozenset({uid("B")}),))})
    assert [set(one) for one in of_b] == [{"numa1_1", "cn1"}, {"numa1_2", "cn1"}]
    assert ask(index, {"": Group(WANTED, not_member_of=frozenset({uid("A")}))}) == []
    # Of a group with a suffix only the provider itself is looked at.
    direct = ask(index, {"_1": Group({"VCPU": 1}, member_of=(frozenset({uid("B")}),))})
    assert direct == [{"numa2_1": {"VCPU": 1}}]


def test_in_tree_and_offers(db: Database) -> None:
    db.run_now(two_numa_hosts)
    index = load(db)
    found = ask(index, {"": Group(WANTED, tree=uid("numa1_1"))})
    assert [set(one) for one in found] == [{"numa1_1", "cn1"}, {"numa1_2", "cn1"}]
    assert ask(index, {"": Group(WANTED, tree=uid("nobody"))}) == []
    assert offer(index, uid("cn2"), WANTED) == {
        uid("numa2_1"): {"VCPU": 1},
        uid("cn2"): {"MEMORY_MB": 512, "DISK_GB": 500},
    }
    assert offer(index, uid("cn2"), {"VCPU": 9}) is None
    assert offer(index, uid("nobody"), WANTED) is None
    roots = {index.names[row] for row in roots_with(index, "DISK_GB", 1000).nonzero()[0]}
    assert roots == {"ss1", "cn1", "cn2"}
    assert room_for(index, index.row_by_uuid[uid("cn1")], "VCPU", 3) == 4


def nics(tx: Tx) -> None:
    add(tx, "cn", {"VCPU": 8})
    add(tx, "nic1", {"SRIOV_NET_VF": 8}, parent="cn", traits=["HW_NIC_ACCEL_SSL"])
    add(tx, "nic2", {"SRIOV_NET_VF": 8}, parent="cn")


def test_traits_of_a_group_without_suffix_are_met_together(db: Database) -> None:
    db.run_now(nics)
    index = load(db)
    both = {"VCPU": 1, "SRIOV_NET_VF": 2}
    ssl = (frozenset({"HW_NIC_ACCEL_SSL"}),)
    assert [set(one) for one in ask(index, {"": Group(both, required=ssl)})] == [{"cn", "nic1"}]
    assert [set(one) for one in ask(index, {"": Group(both, forbidden=ssl[0])})] == [{"cn", "nic2"}]


def test_group_policy(db: Database) -> None:
    db.run_now(nics)
    index = load(db)
    groups = {
        "": Group({"VCPU": 1}),
        "1": Group({"SRIOV_NET_VF": 1}, required=(frozenset({"HW_NIC_ACCEL_SSL"}),)),
        "2": Group({"SRIOV_NET_VF": 1}),
    }
    assert ask(index, groups, isolate=True) == [
        {"cn": {"VCPU": 1}, "nic1": {"SRIOV_NET_VF": 1}, "nic2": {"SRIOV_NET_VF": 1}}
    ]
    assert {"cn": {"VCPU": 1}, "nic1": {"SRIOV_NET_VF": 2}} in ask(index, groups)
    # Together they would be too much for one provider.
    big = {"1": Group({"SRIOV_NET_VF": 5}), "2": Group({"SRIOV_NET_VF": 5})}
    assert all(len(one) == 2 for one in ask(index, big))


def test_a_flat_provider_serves_several_groups_only_if_they_fit_together(db: Database) -> None:
    db.run_now(lambda tx: add(tx, "flat", {"VCPU": Inventory(8, max_unit=6)}, traits=["CUSTOM_A"]))
    index = load(db)
    assert ask(index, {"1": Group({"VCPU": 3}), "2": Group({"VCPU": 3})}) == [{"flat": {"VCPU": 6}}]
    assert ask(index, {"1": Group({"VCPU": 3}), "2": Group({"VCPU": 4})}) == []
    assert ask(index, {"1": Group({"VCPU": 1}), "2": Group({"VCPU": 1})}, isolate=True) == []
    assert ask(index, {"": Group({"VCPU": 1})}, root_required=(frozenset({"CUSTOM_A"}),)) == [{"flat": {"VCPU": 1}}]
    assert ask(index, {"": Group({"VCPU": 1})}, root_forbidden=frozenset({"CUSTOM_A"})) == []
    assert ask(index, {"": Group({"VCPU": 1}, required=(frozenset({"CUSTOM_A", "CUSTOM_B"}),))}) != []
    assert ask(index, {"": Group({"CUSTOM_NOTHING": 1})}) == []
    assert ask(index, {"": Group({"VCPU": 1})}, limit=0) == []


# ---- against a search that tries everything ----

CLASSES = ("VCPU", "DISK_GB")
TRAITS = ("CUSTOM_A", "CUSTOM_B", SHARES)


@st.composite
def forests(draw: st.DrawFn) -> list[dict[str, object]]:
    count = draw(st.integers(1, 6))
    made: list[dict[str, object]] = []
    for number in range(count):
        made.append(
            {
                "name": f"p{number}",
                "parent": draw(st.none() | st.sampled_from([f"p{other}" for other in range(number)]))
                if number
                else None,
                "inventory": draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 4))),
                "traits": draw(st.sets(st.sampled_from(TRAITS))),
                "aggregates": draw(st.sets(st.sampled_from(("x", "y")))),
            }
        )
    return made


@st.composite
def group(draw: st.DrawFn) -> Group:
    return Group(
        resources=draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 3), min_size=1)),
        required=tuple(draw(st.lists(st.frozensets(st.sampled_from(TRAITS[:2]), min_size=1), max_size=1))),
        forbidden=draw(st.frozensets(st.sampled_from(TRAITS[:2]), max_size=1)),
        member_of=tuple(draw(st.lists(st.frozensets(st.sampled_from((uid("x"), uid("y"))), min_size=1), max_size=1))),
    )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    suffixes = draw(st.lists(st.sampled_from(("", "_1", "_2")), min_size=1, unique=True))
    groups = {suffix: draw(group()) for suffix in sorted(suffixes)}
    named = [suffix for suffix in groups if suffix]
    return Question(
        groups=groups,
        isolate=draw(st.booleans()),
        same_subtree=(frozenset(named),) if named and draw(st.booleans()) else (),
        nested=draw(st.booleans()),
    )


class World:
    """The forest as dictionaries, and candidates by trying every provider for every class of every group."""

    def __init__(self, forest: list[dict[str, object]]) -> None:
        self.by_name = {str(one["name"]): one for one in forest}

    def chain(self, name: str) -> list[str]:
        found = [name]
        while (parent := self.by_name[found[-1]]["parent"]) is not None:
            found.append(str(parent))
        return found

    def root(self, name: str) -> str:
        return self.chain(name)[-1]

    def near(self, name: str, root: str) -> bool:
        if self.root(name) == root:
            return True
        one = self.by_name[name]
        others = (other for other in self.by_name if self.root(other) == root)
        return SHARES in one["traits"] and any(  # type: ignore[operator]
            one["aggregates"] & self.by_name[other]["aggregates"]  # type: ignore[operator]
            for other in others
        )

    def in_aggregates(self, name: str, wanted: Group, spans: bool) -> bool:
        members = {uid(one) for one in self.by_name[name]["aggregates"]}  # type: ignore[attr-defined]
        if spans:
            members |= {uid(one) for one in self.by_name[self.root(name)]["aggregates"]}  # type: ignore[attr-defined]
        return all(choice & members for choice in wanted.member_of)

    def everything(self, question: Question) -> Found:
        found: Found = set()
        slots = [
            (suffix, part)
            for suffix, one in question.groups.items()
            for part in ([{name: amount} for name, amount in one.resources.items()] if not suffix else [one.resources])
        ]
        for root in (name for name, one in self.by_name.items() if one["parent"] is None):
            names = [name for name in self.by_name if self.near(name, root)]
            for chosen in itertools.product(names, repeat=len(slots)):
                if self.allowed(question, slots, chosen):
                    total: dict[str, dict[str, int]] = {}
                    for (_, part), name in zip(slots, chosen, strict=True):
                        for one, amount in part.items():
                            total.setdefault(name, {})[one] = total.get(name, {}).get(one, 0) + amount
                    if all(
                        self.by_name[name]["inventory"].get(one, 0) >= amount
                        for name, use in total.items()
                        for one, amount in use.items()
                    ):  # type: ignore[attr-defined]
                        found.add(tuple(sorted((name, tuple(sorted(use.items()))) for name, use in total.items())))
        return found

    def allowed(
        self, question: Question, slots: Sequence[tuple[str, Mapping[str, int]]], chosen: Sequence[str]
    ) -> bool:
        by_suffix: dict[str, set[str]] = {}
        for (suffix, _), name in zip(slots, chosen, strict=True):
            by_suffix.setdefault(suffix, set()).add(name)
        for suffix, names in by_suffix.items():
            wanted = question.groups[suffix]
            traits = set().union(*(self.by_name[name]["traits"] for name in names))  # type: ignore[arg-type]
            if traits & wanted.forbidden or not all(choice & traits for choice in wanted.required):
                return False
            if not all(self.in_aggregates(name, wanted, spans=not suffix) for name in names):
                return False
        singles = [next(iter(names)) for suffix, names in by_suffix.items() if suffix]
        if question.isolate and len(set(singles)) != len(singles):
            return False
        if not question.nested:
            used = set(chosen)
            if len({self.root(name) for name in used}) != len(used):
                return False
        for suffixes in question.same_subtree:
            names = set().union(*(by_suffix[suffix] for suffix in suffixes))
            if not any(all(top in self.chain(name) for name in names) for top in names):
                return False
        return True


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(forest=forests(), question=questions())
def test_the_search_finds_exactly_what_trying_everything_finds(
    tmp_path_factory: pytest.TempPathFactory, forest: list[dict[str, object]], question: Question
) -> None:
    db = open_ledger(tmp_path_factory.mktemp("ledger"))
    try:
        db.run_now(
            lambda tx: [
                add(
                    tx,
                    one["name"],
                    one["inventory"],
                    traits=one["traits"],
                    parent=one["parent"],
                    aggregates=one["aggregates"],
                )  # type: ignore[arg-type]
                for one in forest
            ]
        )
        index = load(db)
        found = list(search(index, question))
        shown = {
            tuple(sorted((index.names[row], tuple(sorted(use.items()))) for row, use in one.amounts.items()))
            for one in found
        }
        assert shown == World(forest).everything(question)
        keys = [one.key() for one in found]
        assert len(keys) == len(set(keys))
    finally:
        db.close()


def test_every_candidate_can_be_claimed(db: Database) -> None:
    db.run_now(two_numa_hosts)
    index = load(db)
    for number, one in enumerate(search(index, Question({"": Group({"VCPU": 1, "MEMORY_MB": 100, "DISK_GB": 10})}))):
        amounts = {index.uuids[row]: use for row, use in one.amounts.items()}
        db.run_now(placement.claim, uid(f"consumer {number}"), amounts, "p", "u")
