"""Options about hosts, under upstream's names."""

from unkai.kernel.settings import Group, option


class NodesDefault(Group, name="DEFAULT"):
    service_down_time: int = option(60, "Seconds without a heartbeat after which a host counts as down.")
    report_interval: int = option(10, "Seconds between a host's heartbeats.")
    default_availability_zone: str = option("nova", "Zone of hosts that belong to no aggregate with a zone.")
    reserved_host_memory_mb: int = option(512, "Memory in MB that a host keeps for itself. CFG-014")
    reserved_host_disk_mb: int = option(0, "Disk in MB that a host keeps for itself.")
    reserved_host_cpus: int = option(0, "CPUs that a host keeps for itself.")
    cpu_allocation_ratio: float | None = option(None, "Overcommit of CPUs; empty takes initial_cpu_allocation_ratio.")
    ram_allocation_ratio: float | None = option(
        None, "Overcommit of memory; empty takes initial_ram_allocation_ratio."
    )
    disk_allocation_ratio: float | None = option(
        None, "Overcommit of disk; empty takes initial_disk_allocation_ratio. CFG-019"
    )
    initial_cpu_allocation_ratio: float = option(4.0, "Overcommit of CPUs that a new host starts with.")
    initial_ram_allocation_ratio: float = option(1.0, "Overcommit of memory that a new host starts with.")
    initial_disk_allocation_ratio: float = option(1.0, "Overcommit of disk that a new host starts with.")


class NodeChannel(Group, name="unkai"):
    step_lease_seconds: float = option(20.0, "How long a host may work on a step without being heard of.")
    image_capability_seconds: int = option(7200, "How long a host may fetch an image it was given a step for.")
