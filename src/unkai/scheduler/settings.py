"""The scheduler's options, under upstream's names."""

from unkai.kernel.settings import Group, option

# SCHED-002: the guide's default set, in its order.
DEFAULT_FILTERS = [
    "RetryFilter",
    "AvailabilityZoneFilter",
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
]


class SchedulerOptions(Group, name="scheduler"):
    max_attempts: int = option(3, "How many hosts a server may be tried on; also how many alternates are kept.")


class FilterScheduler(Group, name="filter_scheduler"):
    available_filters: list[str] = option(
        ["nova.scheduler.filters.all_filters"],
        "Where filters come from: the built-in ones, and classes of one's own by path (package.module.Class).",
    )
    enabled_filters: list[str] = option(DEFAULT_FILTERS, "Filters in force, in the order they are asked.")
    weight_classes: list[str] = option(
        ["nova.scheduler.weights.all_weighers"],
        "Weighers in force: all, or upstream's class or module names, or classes of one's own by path.",
    )
    host_subset_size: int = option(1, "Choose at random among so many of the best hosts. Less than 1 means 1.")
    shuffle_best_same_weighed_hosts: bool = option(False, "Put hosts of the same best weight in random order.")
    ram_weight_multiplier: float = option(1.0, "Free memory: positive spreads, negative stacks.")
    cpu_weight_multiplier: float = option(1.0, "Free VCPUs: positive spreads, negative stacks.")
    disk_weight_multiplier: float = option(1.0, "Free disk: positive spreads, negative stacks.")
    num_instances_weight_multiplier: float = option(0.0, "Number of servers: positive stacks, negative spreads.")
    hypervisor_version_weight_multiplier: float = option(1.0, "Version of the hypervisor: positive prefers new ones.")
    soft_affinity_weight_multiplier: float = option(1.0, "Members of the group on the host, for soft-affinity.")
    soft_anti_affinity_weight_multiplier: float = option(1.0, "Members on the host, for soft-anti-affinity.")
    max_instances_per_host: int = option(50, "NumInstancesFilter: servers a host may have.")
    isolated_hosts: list[str] = option([], "IsolatedHostsFilter: hosts for isolated images.")
    isolated_images: list[str] = option([], "IsolatedHostsFilter: images (ids) that run only on isolated hosts.")
    restrict_isolated_hosts_to_isolated_images: bool = option(
        True, "IsolatedHostsFilter: whether isolated hosts take nothing but isolated images."
    )
    aggregate_image_properties_isolation_namespace: str | None = option(
        None, "AggregateImagePropertiesIsolation: look only at keys that begin with this namespace."
    )
    aggregate_image_properties_isolation_separator: str = option(
        ".", "AggregateImagePropertiesIsolation: what stands between the namespace and the rest of the key."
    )
    image_properties_default_architecture: str | None = option(
        None, "ImagePropertiesFilter: the architecture of images that name none."
    )


class ExplanationOptions(Group, name="unkai_scheduler"):
    explanation_hosts: int = option(1000, "How many hosts an explanation lists; counts by rule are always complete.")
    explanation_days: int = option(7, "After how many days an explanation is removed.")
