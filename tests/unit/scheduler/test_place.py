"""Placing servers: the host, the claim, the alternates, the refusal and its explanation."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.scheduler.support import add_hosts, host_uuid, make_kit, report, request
from unkai.kernel.clock import utcnow
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.nodes import service as nodes
from unkai.placement import service as placement
from unkai.placement.store import tables
from unkai.scheduler import service
from unkai.scheduler.model import Placed, PlaceRequest, Refused, ServerGroup
from unkai.scheduler.settings import FilterScheduler


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    made = make_kit(tmp_path)
    add_hosts(made, report("h1", memory_mb=4096), report("h2", memory_mb=16384), report("h3", memory_mb=8192))
    yield made
    made.db.close()


def place(kit: Kit, asked: PlaceRequest) -> Placed:
    answer = kit.db.run_now(service.place, kit, asked)
    assert isinstance(answer, Placed), answer
    return answer


def refuse(kit: Kit, asked: PlaceRequest) -> Refused:
    answer = kit.db.run_now(service.place, kit, asked)
    assert isinstance(answer, Refused), answer
    return answer


def test_the_host_with_most_memory_wins_and_is_claimed(kit: Kit) -> None:
    asked = request()
    answer = place(kit, asked)
    assert answer.host == "h2"
    assert answer.host_id == host_uuid("h2")
    assert answer.alternates == ("h3", "h1")
    held = kit.db.read_now(placement.amounts_by_consumers, [asked.server_id])
    assert held == {asked.server_id: {host_uuid("h2"): {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1}}}


def test_servers_spread_by_default_and_stack_with_a_negative_multiplier(tmp_path: Path) -> None:
    for multiplier, expected in ((1.0, {"a": 2, "b": 2}), (-1.0, {"a": 4})):
        folder = tmp_path / str(multiplier)
        folder.mkdir()
        options = FilterScheduler(
            ram_weight_multiplier=multiplier, cpu_weight_multiplier=0.0, disk_weight_multiplier=0.0
        )
        kit = make_kit(folder, options)
        add_hosts(kit, report("a"), report("b"))
        assert Counter(place(kit, request()).host for _ in range(4)) == expected
        kit.db.close()


def test_a_refusal_is_explained_to_users_by_counts_and_to_administrators_by_hosts(kit: Kit) -> None:
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 1, forced_down=True))
    asked = request(resources={"VCPU": 1, "MEMORY_MB": 6000, "DISK_GB": 1}, zone="nowhere")
    answer = refuse(kit, asked)
    assert answer.message == (
        "No valid host was found. There are not enough hosts available. Of 3 hosts: "
        "1 refused by MEMORY_MB (6000 MEMORY_MB needed), "
        "2 refused by AvailabilityZoneFilter (availability zone nowhere needed)."
    )
    (kept,) = kit.db.read_now(service.explanations, Scope.system(), asked.server_id)
    assert kept.id == answer.explanation_id
    assert [(one.host, one.rule, one.had) for one in kept.document.refused] == [
        ("h1", "MEMORY_MB", "3584 of 3584 free"),
        ("h2", "AvailabilityZoneFilter", "nova"),
        ("h3", "AvailabilityZoneFilter", "nova"),
    ]
    assert kit.db.read_now(placement.amounts_by_consumers, [asked.server_id]) == {}
    assert kit.db.read_now(service.explanations, Scope.project("another"), asked.server_id) == []


def test_a_lost_claim_goes_to_the_next_host(kit: Kit) -> None:
    place(kit, request())  # the index is loaded
    index = kit.get(placement.Index)
    index.refresh = lambda tx: 0  # type: ignore[method-assign]
    most = {"VCPU": 1, "MEMORY_MB": 15000, "DISK_GB": 1}
    kit.db.run_now(placement.claim, "other", {host_uuid("h2"): most}, "p", "u")
    asked = request(resources={"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 1})
    answer = place(kit, asked)
    assert answer.host == "h3"
    (kept,) = kit.db.read_now(service.explanations, Scope.system(), asked.server_id)
    assert [(one.host, one.rule) for one in kept.document.lost] == [("h2", "MEMORY_MB")]


def test_a_claim_that_is_lost_everywhere_is_a_refusal(kit: Kit) -> None:
    place(kit, request())
    index = kit.get(placement.Index)
    index.refresh = lambda tx: 0  # type: ignore[method-assign]
    for name, memory in (("h1", 3584), ("h2", 15360), ("h3", 7680)):
        amounts = {"VCPU": 1, "MEMORY_MB": memory, "DISK_GB": 1}
        kit.db.run_now(placement.claim, f"c-{name}", {host_uuid(name): amounts}, "p", "u")
    answer = refuse(kit, request())
    assert "3 taken by other servers meanwhile" in answer.message


def test_excluded_and_forced_hosts(kit: Kit) -> None:
    assert place(kit, request(excluded_hosts=("h2",))).host == "h3"
    assert place(kit, request(forced_host="h1", zone="nowhere")).host == "h1"
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 1, forced_down=True))
    answer = refuse(kit, request(forced_host="h1"))
    assert "2 refused by force_hosts" in answer.message
    assert "1 refused by ComputeFilter" in answer.message


def test_excluded_hosts_are_left_out_whatever_is_enabled(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, FilterScheduler(enabled_filters=[]))
    add_hosts(kit, report("a"), report("b"))
    assert place(kit, request(excluded_hosts=("a",))).host == "b"
    assert "RetryFilter" in refuse(kit, request(excluded_hosts=("a", "b"))).message
    kit.db.close()


def test_hosts_that_change_are_seen(kit: Kit) -> None:
    """The kept fleet follows what hosts report, operators say, and aggregates make of zones."""

    def best(asked: PlaceRequest) -> str | None:
        return kit.db.read_now(service.what_if, kit, asked).host

    assert best(request()) == "h2"
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 2, disabled=True))
    assert best(request()) == "h3"
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 2, disabled=False))
    assert best(request()) == "h2"
    add_hosts(kit, report("h4", memory_mb=65536))
    assert best(request()) == "h4"

    def zone(tx: Tx) -> None:
        one = nodes.create_aggregate(tx, "east", "east")
        nodes.add_aggregate_host(tx, kit, one.id, "h1")

    kit.db.run_now(zone)
    assert best(request(zone="east")) == "h1"
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 4, forced_down=True))
    assert best(request()) == "h2"


def test_a_host_with_numa_nodes_is_claimed_on_its_nodes(kit: Kit) -> None:
    def split(tx: Tx) -> None:
        for number in (1, 2):
            node = host_uuid(f"node{number}")
            placement.ensure_provider(tx, node, f"h3 node {number}", host_uuid("h3"))
            placement.set_inventories(tx, node, {"CUSTOM_FPGA": placement.Inventory(2)})

    kit.db.run_now(
        lambda tx: tx.execute(tables.resource_classes.insert().values(name="CUSTOM_FPGA", updated_at=utcnow()))
    )
    kit.db.run_now(split)
    wanted = {"VCPU": 1, "CUSTOM_FPGA": 2}
    assert kit.db.read_now(service.what_if, kit, request(resources=wanted)).fits == 2
    asked = [request(resources=wanted) for _ in range(2)]
    assert [place(kit, one).host for one in asked] == ["h3", "h3"]
    held = kit.db.read_now(placement.amounts_by_consumers, [one.server_id for one in asked])
    assert {node for amounts in held.values() for node in amounts} == {
        host_uuid("h3"),
        host_uuid("node1"),
        host_uuid("node2"),
    }
    answer = refuse(kit, request(resources=wanted))
    assert "3 refused by CUSTOM_FPGA" in answer.message


def test_a_disabled_host_gets_nothing_even_without_filters(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, FilterScheduler(enabled_filters=["AllHostsFilter"]))
    add_hosts(kit, report("a"))
    kit.db.run_now(lambda tx: nodes.set_service(tx, kit, 1, disabled=True, reason="broken fan"))
    asked = request()
    assert "COMPUTE_STATUS_DISABLED" in refuse(kit, asked).message
    (kept,) = kit.db.read_now(service.explanations, Scope.system(), asked.server_id)
    assert kept.document.refused[0].had == "broken fan"
    kit.db.close()


def test_traits(kit: Kit) -> None:
    add_hosts(kit, report("h4", memory_mb=2048, traits=["HW_CPU_X86_AVX512F"]))
    assert place(kit, request(required_traits=frozenset({"HW_CPU_X86_AVX512F"}))).host == "h4"
    answer = refuse(kit, request(required_traits=frozenset({"HW_CPU_X86_SGX"})))
    assert "4 refused by trait:HW_CPU_X86_SGX=required" in answer.message
    assert place(kit, request(forbidden_traits=frozenset({"HW_CPU_X86_AVX2"}))).host == "h4"


def test_groups(kit: Kit) -> None:
    anti = ServerGroup("anti-affinity", {}, ("h2", "h3"))
    assert place(kit, request(group=anti)).host == "h1"
    refuse(kit, request(group=ServerGroup("anti-affinity", {}, ("h1", "h2", "h3"))))
    two = ServerGroup("anti-affinity", {"max_server_per_host": 2}, ("h1", "h1", "h2", "h3", "h3"))
    assert place(kit, request(group=two)).host == "h2"
    assert place(kit, request(group=ServerGroup("affinity", {}, ("h1",)))).host == "h1"
    assert place(kit, request(group=ServerGroup("soft-anti-affinity", {}, ("h2", "h2")))).host in ("h1", "h3")


def test_what_if_claims_nothing_and_counts_what_fits(kit: Kit) -> None:
    answer = kit.db.read_now(service.what_if, kit, request(resources={"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 1}))
    assert answer.host == "h2"
    assert answer.fits == 3 + 15 + 7  # memory less the reserved 512 MiB of each host
    place(kit, request(resources={"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 1}))
    again = kit.db.read_now(service.what_if, kit, request(resources={"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 1}))
    assert again.fits == answer.fits - 1
    none = kit.db.read_now(service.what_if, kit, request(resources={"VCPU": 10_000}))
    assert (none.host, none.fits) == (None, 0)
    assert "VCPU" in none.message


def test_no_hosts_at_all(tmp_path: Path) -> None:
    kit = make_kit(tmp_path)
    assert refuse(kit, request()).message == "No valid host was found. There are no hosts."
    kit.db.close()


def test_the_subset_size_uses_the_best_hosts_only(tmp_path: Path) -> None:
    kit = make_kit(tmp_path, FilterScheduler(host_subset_size=2, cpu_weight_multiplier=0.0))
    add_hosts(kit, *(report(f"h{number}", memory_mb=8192 * number) for number in (1, 2, 3)))
    tiny = {"VCPU": 1}
    assert {place(kit, request(resources=tiny)).host for _ in range(30)} == {"h2", "h3"}
    kit.db.close()


def test_an_explanation_is_bounded_but_its_counts_are_not(tmp_path: Path) -> None:
    from unkai.scheduler.settings import ExplanationOptions

    kit = make_kit(tmp_path, ExplanationOptions(explanation_hosts=4))
    add_hosts(kit, *(report(f"h{number}") for number in range(10)))
    asked = request(zone="elsewhere")
    refuse(kit, asked)
    (kept,) = kit.db.read_now(service.explanations, Scope.system(), asked.server_id)
    assert kept.document.counts == {"AvailabilityZoneFilter": 10}
    assert (len(kept.document.refused), kept.document.omitted) == (4, 6)
    kit.db.close()
