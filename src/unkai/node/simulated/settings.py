"""Options of simulated hosts."""

from pathlib import Path

from unkai.kernel.settings import Group, option


class Simulated(Group, name="simulated"):
    faults_file: Path | None = option(None, "JSON file with failures and latencies that simulated hosts shall have.")
    build_seconds: float = option(0.1, "How long a simulated host takes to build a server.")
    power_seconds: float = option(0.05, "How long a simulated guest takes to start or to power off.")
