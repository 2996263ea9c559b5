"""A cloud without HTTP: a database, placement, nodes and the scheduler's rules."""

import uuid
from pathlib import Path
from typing import Any

import unkai.scheduler.store  # noqa: F401 - its tables
from unkai.contracts.reports import HostReport, Inventory
from unkai.kernel.kit import Kit
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Group, defaults
from unkai.kernel.store import Database, Tx
from unkai.kernel.wake import Wake
from unkai.nodes import service as nodes
from unkai.placement.service import Index
from unkai.scheduler.model import PlaceRequest
from unkai.scheduler.service import Rules


def make_kit(folder: Path, *overrides: Group, url: str | None = None) -> Kit:
    db = Database(url or f"sqlite:///{folder}/unkai.db")
    db.create_all()
    kit = Kit(db=db, wake=Wake(), settings=defaults(*overrides), policy=Policy([]), quota=Quota([]))
    kit.put(Index, Index())
    kit.put(Rules, Rules(kit.settings))
    return kit


def host_uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def report(name: str, *, vcpus: int = 8, memory_mb: int = 8192, disk_gb: int = 100, **changes: Any) -> HostReport:
    values: dict[str, Any] = {
        "host": name,
        "host_id": host_uuid(name),
        "hypervisor_hostname": f"{name}.example",
        "hypervisor_type": "QEMU",
        "hypervisor_version": 7_002_000,
        "driver": "simulated",
        "host_ip": "192.0.2.1",
        "cpu_info": {"vendor": "Intel", "features": ["aes", "avx2"]},
        "inventory": Inventory(
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_gb=disk_gb,
            memory_mb_free=memory_mb,
            disk_gb_free=disk_gb,
            disk_available_least=disk_gb,
        ),
        "traits": ["HW_CPU_X86_AVX2"],
        "supported": [("x86_64", "qemu", "hvm")],
    }
    return HostReport(**(values | changes))


def add_hosts(kit: Kit, *reports: HostReport) -> None:
    def register(tx: Tx) -> None:
        for one in reports:
            nodes.register(tx, kit, one)

    kit.db.run_now(register)


def request(**changes: Any) -> PlaceRequest:
    values: dict[str, Any] = {
        "server_id": str(uuid.uuid4()),
        "project_id": "p1",
        "user_id": "u1",
        "resources": {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 1},
    }
    return PlaceRequest(**(values | changes))
