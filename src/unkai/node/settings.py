"""Options of a hypervisor host, under upstream's names (Nova, os-vif)."""

import socket
from pathlib import Path
from typing import Literal

from unkai.kernel.settings import Group, Settings, option

__all__ = ["Api", "Default", "ImageCache", "Libvirt", "Ovn", "Paths", "Vnc", "host_name", "paths"]


class Default(Group, name="DEFAULT"):
    host: str | None = option(None, "Name of this host's compute service. Default: the machine's host name.")
    my_ip: str = option("127.0.0.1", "Address of this host as the cloud shows it (hypervisors' host_ip).")
    state_path: Path = option(Path("/var/lib/unkai/node"), "Where the host keeps its identity and its guests' files.")
    instances_path: Path | None = option(None, "Where guests' disks lie. Default: instances under state_path.")
    max_concurrent_builds: int = option(10, "How many steps the host works on at the same time.")
    force_raw_images: bool = option(
        True, "Convert base images to raw, so that no guest's disk rests on a format that has features. STO-002"
    )
    config_drive_format: Literal["iso9660", "vfat"] = option("iso9660", "File system of config drives. CD-003")
    mkisofs_cmd: str | None = option(
        None, "Program that writes iso9660 config drives (genisoimage). Default: a built-in writer. CD-005"
    )
    resume_guests_state_on_host_boot: bool = option(
        False, "Start the guests that ran before the host rebooted. Otherwise they are reported as shut down."
    )
    running_deleted_instance_action: Literal["noop", "log", "shutdown", "reap"] = option(
        "reap",
        "What becomes of a guest that runs here and that the control plane does not know: nothing (noop, log), its "
        "power is taken (shutdown), or it is removed with its disks (reap).",
    )
    pointer_model: Literal["ps2mouse", "usbtablet"] | None = option(
        "usbtablet", "Pointer of guests with a VNC console, unless their image says otherwise."
    )
    preallocate_images: Literal["none", "space"] = option("none", "space: reserve guests' disks when they are made.")
    metadata_proxy_user: str = option(
        "nobody", "User that the metadata proxy becomes once its sockets are open. Empty: it stays what the agent is."
    )
    heal_seconds: float = option(
        60.0, "How often the host compares what it has with what it reported (inventory, traits, power states)."
    )


class Libvirt(Group, name="libvirt"):
    virt_type: Literal["auto", "kvm", "qemu"] = option(
        "auto", "Kind of virtual machine. auto: what a booted probe guest showed to work."
    )
    connection_uri: str = option("", "Where libvirt listens. Default: qemu:///system.")
    cpu_mode: Literal["host-model", "host-passthrough", "custom", "maximum", "none"] | None = option(
        None, "CPU of guests. Default: host-model with KVM, maximum without. PERF-025"
    )
    cpu_models: list[str] = option([], "Named CPU models for cpu_mode custom; the first one is used. PERF-024")
    cpu_model_extra_flags: list[str] = option([], "CPU flags to add, or with - before them to remove. PERF-024")
    hw_machine_type: dict[str, str] = option(
        {}, "Machine type for each architecture (x86_64:q35), as arch:type pairs."
    )
    images_type: Literal["default", "qcow2", "raw", "flat"] = option(
        "default", "How guests' disks lie on this host: qcow2 overlays (default) or raw copies. STO-017"
    )
    num_pcie_ports: int = option(0, "PCIe ports of q35 guests for devices plugged later. 0: as many as is sensible.")
    rng_dev_path: str = option("/dev/urandom", "Source of randomness of guests' random number devices. PROP-018")
    disk_cachemodes: dict[str, str] = option({}, "Cache mode by kind of source (file:writeback), as pairs.")
    hw_disk_discard: Literal["ignore", "unmap"] | None = option(None, "Whether guests' discards reach the host.")
    mem_stats_period_seconds: int = option(10, "How often the balloon reports a guest's memory use. 0: never.")
    sysinfo_serial: Literal["none", "unique", "host"] = option(
        "unique", "Serial number that guests see: none, the server's id, or the host's id."
    )


class Vnc(Group, name="vnc"):
    enabled: bool = option(True, "Give guests a VNC console (on a unix socket of this host).")


class Api(Group, name="api"):
    vendordata_jsonfile_path: Path | None = option(None, "JSON file that every guest sees as its vendor data.")
    config_drive_skip_versions: str = option(
        "1.0 2007-01-19 2007-03-01 2007-08-29 2007-10-10 2007-12-15 2008-02-01 2008-09-01",
        "EC2 metadata versions, separated by spaces, that config drives leave out.",
    )


class Ovn(Group, name="ovn"):
    ovsdb_connection: str = option(
        "unix:/run/openvswitch/db.sock", "Where this host's Open vSwitch database listens (unix:PATH or tcp:IP:PORT)."
    )
    integration_bridge: str = option("br-int", "Integration bridge that guests are plugged into.")
    datapath_type: Literal["auto", "system", "netdev"] = option(
        "auto", "Datapath of the integration bridge: the kernel's (system) or userspace. auto: as the bridge says."
    )


class ImageCache(Group, name="image_cache"):
    subdirectory_name: str = option("_base", "Folder of base images under instances_path.")
    manager_interval: int = option(2400, "Seconds between two looks for base images that nobody uses.")
    remove_unused_base_images: bool = option(True, "Whether base images that no guest uses are removed.")
    remove_unused_original_minimum_age_seconds: int = option(
        86400, "How long a base image must have been unused before it is removed."
    )


class Paths:
    """Where things of this host are. Nothing is made here."""

    def __init__(self, state: Path, instances: Path, base: Path) -> None:
        self.state = state
        self.instances = instances
        self.base = base
        self.metadata = state / "metadata"
        self.children = state / "children"
        self.host_id = state / "host-id"
        self.lock = state / "agent.lock"
        self.journal = state / "journal"
        self.boot_id = state / "boot-id"

    def guest(self, server_id: str) -> Path:
        return self.instances / server_id


def host_name(settings: Settings) -> str:
    return settings[Default].host or socket.gethostname()


def paths(settings: Settings) -> Paths:
    state = settings[Default].state_path
    instances = settings[Default].instances_path or state / "instances"
    return Paths(state, instances, instances / settings[ImageCache].subdirectory_name)
