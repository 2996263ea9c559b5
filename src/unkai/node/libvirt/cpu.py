"""The guest's processor: mode, model, flags and topology."""

from unkai.contracts.guest import Guest, Hardware
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.xml import Element, add

__all__ = ["add_cpu", "mode_of"]


def mode_of(host: Host, hardware: Hardware) -> str:
    """Without KVM only named models exist, of which `maximum` has whatever QEMU can emulate: guests built for newer
    processors boot on it."""
    chosen = hardware.cpu_mode or host.cpu_mode
    if chosen is not None:
        return chosen
    return "host-model" if host.virt_type == "kvm" else "maximum"


def add_cpu(domain: Element, guest: Guest, host: Host) -> None:
    hardware = guest.hardware
    mode = mode_of(host, hardware)
    attributes = {} if mode == "none" else {"mode": mode}
    cpu = add(domain, "cpu", **attributes)
    if mode == "custom":
        cpu.set("match", "exact")
        add(cpu, "model", hardware.cpu_model or host.cpu_model or "qemu64", fallback="forbid")
    if mode != "none":
        for flag in host.cpu_flags:
            policy = "disable" if flag.startswith("-") else "require"
            add(cpu, "feature", policy=policy, name=flag.lstrip("+-").lower())
    # Upstream's default: each virtual CPU is a socket of its own, unless image or flavor say otherwise.
    cores, threads = hardware.cores or 1, hardware.threads or 1
    sockets = hardware.sockets or max(1, guest.vcpus // (cores * threads))
    topology = add(cpu, "topology", sockets=sockets, cores=cores, threads=threads)
    topology.set("dies", "1")
