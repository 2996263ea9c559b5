"""Each filter by a table of requests and hosts: who passes, who does not, and why."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.scheduler.support import host_uuid, report, request
from unkai.kernel.settings import Group, SettingsError, defaults
from unkai.nodes.model import Aggregate, Host
from unkai.placement.index import Column, Index
from unkai.scheduler import filters, weighers
from unkai.scheduler.errors import InvalidHint
from unkai.scheduler.filters import BUILT_IN
from unkai.scheduler.filters.image_properties import version_satisfies
from unkai.scheduler.filters.operators import matches
from unkai.scheduler.hosts import ATTRIBUTES, Fleet
from unkai.scheduler.model import PlaceRequest, ServerGroup
from unkai.scheduler.settings import DEFAULT_FILTERS, FilterScheduler

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def host(name: str, number: int = 1, **changes: Any) -> Host:
    facts = report(name)
    values: dict[str, Any] = {
        field: getattr(facts, field) for field in Host.__struct_fields__ if hasattr(facts, field)
    }
    values.update(
        id=number,
        service_id=number,
        service_uuid=host_uuid(name),
        disabled=False,
        disabled_reason=None,
        forced_down=False,
        up=True,
        last_seen=NOW,
        zone="nova",
        created_at=NOW,
        updated_at=NOW,
        traits=tuple(facts.traits),
        supported=tuple(facts.supported),
    )
    return Host(**(values | changes))


def aggregate(number: int, hosts: Sequence[str], **metadata: str) -> Aggregate:
    return Aggregate(number, host_uuid(str(number)), f"a{number}", tuple(hosts), dict(metadata), NOW, None)


def fleet(
    *hosts: Host,
    aggregates: Sequence[Aggregate] = (),
    instances: Mapping[str, int] | None = None,
    silent: frozenset[int] = frozenset(),
) -> Fleet:
    """Hosts with 8 VCPUs, 8192 MB and 100 GB, of which 2, 1024 and 10 are used."""
    index = Index()
    for row, one in enumerate(hosts):
        index.row_by_uuid[one.host_id] = row
    for name, size, used in (("VCPU", 8, 2), ("MEMORY_MB", 8192, 1024), ("DISK_GB", 100, 10)):
        column = index.columns[name] = Column(len(hosts))
        column.size[:], column.capacity[:], column.used[:] = size, size, used
    return Fleet(hosts, aggregates, index).at(silent, instances or {})


def refused(name: str, asked: PlaceRequest, of: Fleet, *options: Group) -> dict[str, str]:
    """{host: what it had} of the hosts that the filter refuses; checks that its mask agrees."""
    one = BUILT_IN[name](defaults(*options))
    if not one.relevant(asked):
        return {}
    found = {state.host: why.had for state in of.states if (why := one.refuse(state, asked)) is not None}
    mask = one.mask(of, asked)
    if mask is not None:
        assert {of.hosts[position].host for position in np.flatnonzero(~mask)} == set(found)
    return found


THREE = (host("h1", 1), host("h2", 2, zone="az2"), host("h3", 3))


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("AllHostsFilter", {}, set()),
        ("RetryFilter", {"excluded_hosts": ("h1", "h3")}, {"h1", "h3"}),
        ("RetryFilter", {}, set()),
        ("AvailabilityZoneFilter", {"zone": "az2"}, {"h1", "h3"}),
        ("AvailabilityZoneFilter", {"zone": None}, set()),
        ("AvailabilityZoneFilter", {"zone": "nowhere"}, {"h1", "h2", "h3"}),
        ("DifferentHostFilter", {"different_hosts": ("h2",)}, {"h2"}),
        ("SameHostFilter", {"same_hosts": ("h2",)}, {"h1", "h3"}),
        ("SameHostFilter", {"hints": {"same_host": ["gone"]}}, {"h1", "h2", "h3"}),
        ("ServerGroupAffinityFilter", {"group": ServerGroup("affinity", {}, ("h1",))}, {"h2", "h3"}),
        ("ServerGroupAffinityFilter", {"group": ServerGroup("affinity", {}, ())}, set()),
        ("ServerGroupAffinityFilter", {"group": ServerGroup("soft-affinity", {}, ("h1",))}, set()),
        ("ServerGroupAntiAffinityFilter", {"group": ServerGroup("anti-affinity", {}, ("h1",))}, {"h1"}),
        ("ServerGroupAntiAffinityFilter", {"group": ServerGroup("soft-anti-affinity", {}, ("h1",))}, set()),
        (
            "ServerGroupAntiAffinityFilter",
            {"group": ServerGroup("anti-affinity", {"max_server_per_host": 2}, ("h1", "h1", "h2"))},
            {"h1"},
        ),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:hypervisor_type": "QEMU"}}, set()),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:hypervisor_type": "xen"}}, {"h1", "h2", "h3"}),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"hypervisor_version": ">= 7000000"}}, set()),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"quota:cpu_period": "1"}}, set()),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:cpu_info:features": "<in> aes"}}, set()),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:cpu_info:sockets": "2"}}, {"h1", "h2", "h3"}),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:facts": "x"}}, {"h1", "h2", "h3"}),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:free_ram_mb": ">= 7168"}}, set()),
        ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:free_ram_mb": ">= 7169"}}, {"h1", "h2", "h3"}),
    ],
)
def test_who_is_refused(name: str, asked: dict[str, Any], expected: set[str]) -> None:
    assert set(refused(name, request(**asked), fleet(*THREE))) == expected


def test_compute_filter_says_what_is_wrong() -> None:
    hosts = (
        host("fine", 1),
        host("off", 2, disabled=True, disabled_reason="broken fan"),
        host("off2", 3, disabled=True),
        host("forced", 4, forced_down=True),
        host("silent", 5),
    )
    assert refused("ComputeFilter", request(), fleet(*hosts, silent=frozenset({5}))) == {
        "off": "disabled: broken fan",
        "off2": "disabled",
        "forced": "forced down",
        "silent": "down: its heartbeat is overdue",
    }


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, set()),
        ({"hw_architecture": "x86_64"}, {"arm"}),
        ({"architecture": "amd64"}, {"arm"}),
        ({"hw_architecture": "aarch64"}, {"pc"}),
        ({"hw_architecture": "sparc"}, {"pc", "arm"}),
        ({"img_hv_type": "QEMU"}, {"arm"}),
        ({"hypervisor_type": "vmware"}, {"pc", "arm"}),
        ({"hw_vm_mode": "hvm", "hw_architecture": "arm64"}, {"pc"}),
        ({"img_hv_requested_version": ">=8.0"}, {"pc"}),
        ({"img_hv_requested_version": "nonsense"}, {"pc", "arm"}),
    ],
)
def test_image_properties(properties: dict[str, str], expected: set[str]) -> None:
    hosts = (
        host("pc", 1, supported=(("x86_64", "qemu", "hvm"), ("i686", "qemu", "hvm"))),
        host("arm", 2, supported=(("aarch64", "kvm", "hvm"),), hypervisor_version=8_001_000),
    )
    assert set(refused("ImagePropertiesFilter", request(image_properties=properties), fleet(*hosts))) == expected


def test_a_default_architecture_stands_for_images_without_one() -> None:
    hosts = fleet(host("arm", 1, supported=(("aarch64", "kvm", "hvm"),)))
    options = FilterScheduler(image_properties_default_architecture="x86_64")
    assert set(refused("ImagePropertiesFilter", request(), hosts, options)) == {"arm"}


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ("7.2.0", True),
        ("==7.2", True),
        (">=6.0,<8.1", True),
        ("<7.2.0", False),
        ("!=7.2", False),
        (">=", False),
        ("", False),
    ],
)
def test_hypervisor_versions(conditions: str, fits: bool) -> None:
    assert version_satisfies(7_002_000, conditions) is fits


@pytest.mark.parametrize(
    ("have", "wanted", "fits"),
    [
        ("8", "= 4", True),
        ("3", "= 4", False),
        ("4", "== 4.0", True),
        ("4", "!= 4", False),
        ("4", ">= 4", True),
        ("4", "<= 3", False),
        ("many", ">= 3", False),
        ("abc", "s== abc", True),
        ("abc", "s!= abc", False),
        ("b", "s> a", True),
        ("b", "s<= a", False),
        ("linux-windows", "<in> linux", True),
        (["aes", "avx2"], "<in> ae", False),
        (["aes", "avx2"], "<all-in> aes avx2", True),
        (["aes"], "<all-in> aes avx2", False),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("plain", "plain", True),
        ("plain", "other", False),
        ("", "", True),
        ("x", "<in>", False),
        ("x", ">=", False),
    ],
)
def test_operators(have: object, wanted: str, fits: bool) -> None:
    assert matches(have, wanted) is fits


def test_filters_by_aggregates() -> None:
    hosts = fleet(
        *THREE,
        aggregates=(
            aggregate(1, ["h1"], pinned="true", os_distro="windows", filter_tenant_id="p1, p9"),
            aggregate(2, ["h1", "h2"], ssd="yes,maybe"),
        ),
    )
    key = "aggregate_instance_extra_specs:"
    name = "AggregateInstanceExtraSpecsFilter"
    assert set(refused(name, request(extra_specs={key + "pinned": "true"}), hosts)) == {"h2", "h3"}
    assert set(refused(name, request(extra_specs={key + "ssd": "<or> no <or> maybe"}), hosts)) == {"h3"}
    assert refused(name, request(extra_specs={"hw:cpu_policy": "dedicated"}), hosts) == {}

    assert refused("AggregateMultiTenancyIsolation", request(project_id="p9"), hosts) == {}
    assert set(refused("AggregateMultiTenancyIsolation", request(project_id="p2"), hosts)) == {"h1"}

    name = "AggregateImagePropertiesIsolation"
    assert refused(name, request(image_properties={"os_distro": "windows"}), hosts) == {}
    assert set(refused(name, request(image_properties={"os_distro": "rhel"}), hosts)) == {"h1"}
    assert refused(name, request(image_properties={"hw_disk_bus": "scsi"}), hosts) == {}
    namespaced = FilterScheduler(aggregate_image_properties_isolation_namespace="trait")
    assert refused(name, request(image_properties={"os_distro": "rhel"}), hosts, namespaced) == {}


@pytest.mark.parametrize(
    ("image", "strict", "expected"),
    [
        ("secret", True, {"h2", "h3"}),
        ("other", True, {"h1"}),
        ("other", False, set()),
        ("secret", False, {"h2", "h3"}),
    ],
)
def test_isolated_hosts(image: str, strict: bool, expected: set[str]) -> None:
    options = FilterScheduler(
        isolated_hosts=["h1"], isolated_images=["secret"], restrict_isolated_hosts_to_isolated_images=strict
    )
    assert set(refused("IsolatedHostsFilter", request(image_id=image), fleet(*THREE), options)) == expected
    assert refused("IsolatedHostsFilter", request(image_id=image), fleet(*THREE)) == {}


def test_number_of_servers() -> None:
    options = FilterScheduler(max_instances_per_host=3)
    hosts = fleet(*THREE, instances={host_uuid("h1"): 2, host_uuid("h2"): 3})
    assert refused("NumInstancesFilter", request(), hosts, options) == {"h2": "3"}


def test_near_an_address() -> None:
    hosts = fleet(
        host("in", 1, host_ip="192.0.2.5"), host("out", 2, host_ip="198.51.100.5"), host("none", 3, host_ip="")
    )
    hints = {"build_near_host_ip": "192.0.2.0"}
    assert set(refused("SimpleCIDRAffinityFilter", request(hints=hints), hosts)) == {"out", "none"}
    assert set(refused("SimpleCIDRAffinityFilter", request(hints={**hints, "cidr": "/0"}), hosts)) == {"none"}
    assert refused("SimpleCIDRAffinityFilter", request(), hosts) == {}
    for wrong in ({"build_near_host_ip": "nowhere"}, {**hints, "cidr": "/99"}):
        with pytest.raises(InvalidHint):
            refused("SimpleCIDRAffinityFilter", request(hints=wrong), hosts)


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ([">=", "$free_ram_mb", 7168], True),
        ([">", "$free_ram_mb", 7168], False),
        (["<", "$vcpus_used", 3], True),
        (["<=", 1, "$vcpus_used", 2], True),
        (["=", "$hypervisor_type", "QEMU"], True),
        (["=", "$hypervisor_type"], False),
        (["in", "$host", "h1", "h2"], True),
        (["in", "$host", "h2"], False),
        (["not", ["=", "$host", "h1"]], False),
        (["and", [">=", "$free_disk_mb", 1024], ["=", "$cpu_info.vendor", "Intel"]], True),
        (["or", ["=", "$host", "x"], ["=", "$host", "h1"]], True),
        ([">", "$hypervisor_type", 5], False),
        (["=", "$facts.disabled", False], False),
        (["=", "$nothing", 1], False),
        ([], True),
    ],
)
@pytest.mark.parametrize("as_text", [True, False])
def test_json_queries(query: list[Any], passes: bool, as_text: bool) -> None:
    hint = [msgspec.json.encode(query).decode()] if as_text else query
    found = refused("JsonFilter", request(hints={"query": hint}), fleet(host("h1")))
    assert (found == {}) is passes


@pytest.mark.parametrize(
    "hint",
    [
        "not json",
        '{"a": 1}',
        '["system", "rm"]',
        '[">=", {"a": 1}, 2]',
        '[">=", null, 2]',
        "[" * 100 + "]" * 100,
        '["not", ' * 20 + "1" + "]" * 20,
        "[" + "1," * 5000 + "1]",
        [["__import__", "os"]],
        7,
    ],
)
def test_hostile_json_queries_are_refused_before_any_host(hint: Any) -> None:
    with pytest.raises(InvalidHint):
        refused("JsonFilter", request(hints={"query": hint}), fleet(host("h1")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_answered_or_refused_but_never_breaks(hint: Any) -> None:
    try:
        refused("JsonFilter", request(hints={"query": hint}), fleet(host("h1")))
    except InvalidHint:
        return


def test_queries_see_facts_only() -> None:
    assert "facts" not in ATTRIBUTES
    assert not any(name.startswith("_") for name in ATTRIBUTES)
    assert {"free_ram_mb", "free_disk_mb", "total_usable_ram_mb", "vcpus_total", "vcpus_used"} <= ATTRIBUTES


def test_the_default_set_is_the_guides_in_its_order() -> None:
    assert (
        [one.name for one in filters.enabled(defaults())]
        == DEFAULT_FILTERS
        == [
            "RetryFilter",
            "AvailabilityZoneFilter",
            "ComputeFilter",
            "ComputeCapabilitiesFilter",
            "ImagePropertiesFilter",
            "ServerGroupAntiAffinityFilter",
            "ServerGroupAffinityFilter",
        ]
    )


class MyFilter(filters.Filter):
    name = "MyFilter"


@pytest.fixture
def names() -> Iterator[list[str]]:
    yield sorted(BUILT_IN)


def test_any_filter_can_be_enabled_and_ones_own_by_path(names: list[str]) -> None:
    for name in names:
        assert [one.name for one in filters.enabled(defaults(FilterScheduler(enabled_filters=[name])))] == [name]
    upstream = FilterScheduler(
        available_filters=["nova.scheduler.filters.compute_filter.ComputeFilter", f"{__name__}.MyFilter"],
        enabled_filters=["ComputeFilter", "MyFilter"],
    )
    assert [one.name for one in filters.enabled(defaults(upstream))] == ["ComputeFilter", "MyFilter"]


@pytest.mark.parametrize(
    "options",
    [
        {"enabled_filters": ["NoSuchFilter"]},
        {"available_filters": ["no.such.module.Filter"]},
        {"available_filters": ["os.path"]},
        {"available_filters": ["pathlib.Path"]},
        {"available_filters": [""]},
    ],
)
def test_filters_that_do_not_exist_are_refused_at_start(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="filter_scheduler"):
        filters.enabled(defaults(FilterScheduler(**options)))


def test_weighers_by_upstreams_names() -> None:
    def names(*paths: str) -> list[str]:
        return [one.name for one in weighers.enabled(defaults(FilterScheduler(weight_classes=list(paths))))]

    assert names("nova.scheduler.weights.ram") == ["RAMWeigher"]
    assert names("nova.scheduler.weights.ram.RAMWeigher", "nova.scheduler.weights.cpu") == ["RAMWeigher", "CPUWeigher"]
    assert len(names("nova.scheduler.weights.all_weighers")) == len(weighers.BUILT_IN)
    for wrong in ("nova.scheduler.weights.nothing", "no.such.Weigher", "pathlib.Path"):
        with pytest.raises(SettingsError, match="weight_classes"):
            names(wrong)


def test_weights_are_normalised() -> None:
    assert weighers.normalise(np.array([10.0, 20.0, 15.0])).tolist() == [0.0, 1.0, 0.5]
    assert weighers.normalise(np.array([7.0, 7.0])).tolist() == [0.0, 0.0]
    assert weighers.normalise(np.array([])).tolist() == []


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("RAMWeigher", {}, [7168, 7168, 7168]),
        ("CPUWeigher", {}, [6, 6, 6]),
        ("DiskWeigher", {}, [90, 90, 90]),
        ("NumInstancesWeigher", {}, [4, 0, 0]),
        ("HypervisorVersionWeigher", {}, [7_002_000, 8_000_000, 7_002_000]),
        ("ServerGroupSoftAffinityWeigher", {"group": ServerGroup("soft-affinity", {}, ("h3", "h3", "h1"))}, [1, 0, 2]),
        (
            "ServerGroupSoftAntiAffinityWeigher",
            {"group": ServerGroup("soft-anti-affinity", {}, ("h3", "h3", "h1"))},
            [-1, 0, -2],
        ),
    ],
)
def test_what_weighers_see(name: str, asked: dict[str, Any], expected: list[int]) -> None:
    hosts = fleet(
        host("h1", 1), host("h2", 2, hypervisor_version=8_000_000), host("h3", 3), instances={host_uuid("h1"): 4}
    )
    options = FilterScheduler(num_instances_weight_multiplier=1.0)
    one = next(kind for kind in weighers.BUILT_IN if kind.name == name)(defaults(options))
    assert one.relevant(request(**asked))
    assert one.weigh(hosts, request(**asked)).tolist() == expected
