"""`unkai doctor`: what this machine lacks for a cloud with real guests, and how to get it. Changes nothing."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

Verdict = Literal["ok", "note", "lacking"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` is a command or a sentence; empty when all is well."""

    what: str
    verdict: Verdict
    detail: str
    remedy: str = ""


@click.command()
def doctor() -> None:
    """Look at the machine. Exit status 1 when something is lacking that `unkai up` needs."""
    lacking = False
    for check in _CHECKS:
        for finding in check():
            mark = {"ok": "ok     ", "note": "note   ", "lacking": "LACKING"}[finding.verdict]
            click.echo(f"{mark} {finding.what}: {finding.detail}")
            if finding.remedy:
                click.echo(f"        {finding.remedy}")
            lacking = lacking or finding.verdict == "lacking"
    if lacking:
        raise SystemExit(1)


def _root() -> list[Finding]:
    if os.geteuid() == 0:
        return [Finding("user", "ok", "root")]
    return [Finding("user", "lacking", "not root", "real guests need root; `unkai up --simulate 5` does not")]


_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "libvirtd": "libvirt-daemon",
    "virsh": "libvirt-clients",
    "ovs-vswitchd": "openvswitch-switch",
    "ovn-northd": "ovn-central",
    "ovn-controller": "ovn-host",
    "ip": "iproute2",
    "nft": "nftables",
    "ethtool": "ethtool",
}


def _programs() -> list[Finding]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    missing = {name: package for name, package in _PROGRAMS.items() if shutil.which(name, path=path) is None}
    if not missing:
        return [Finding("programs", "ok", f"all {len(_PROGRAMS)} are there")]
    packages = " ".join(sorted(set(missing.values())))
    remedy = f"apt-get install --no-install-recommends {packages}   (./run up does it)"
    return [Finding("programs", "lacking", f"missing: {', '.join(sorted(missing))}", remedy)]


def _binding() -> list[Finding]:
    try:
        import libvirt
    except ImportError as error:
        remedy = "apt-get install python3-libvirt, with Debian's python3; elsewhere pip install libvirt-python"
        return [Finding("libvirt binding", "lacking", str(error), remedy)]
    return [Finding("libvirt binding", "ok", str(libvirt.getVersion()))]


def _acceleration() -> list[Finding]:
    if not Path("/dev/kvm").exists():
        remedy = "guests are emulated: slow, and right for trying out. Enable virtualisation in firmware or hypervisor"
        return [Finding("acceleration", "note", "no /dev/kvm", remedy)]
    return [Finding("acceleration", "note", "/dev/kvm is there; `unkai up` boots a probe to learn whether it works")]


def _tun() -> list[Finding]:
    if Path("/dev/net/tun").exists():
        return [Finding("taps", "ok", "/dev/net/tun")]
    remedy = "modprobe tun, or give the container /dev/net/tun"
    return [Finding("taps", "lacking", "no /dev/net/tun", remedy)]


def _space() -> list[Finding]:
    target = Path("/var/lib")
    free = shutil.disk_usage(target).free / 2**30
    if free < 3:
        return [Finding("disk", "lacking", f"{free:.1f} GiB free under {target}", "make room: 3 GiB are the least")]
    return [Finding("disk", "ok", f"{free:.0f} GiB free under {target}")]


def _memory() -> list[Finding]:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    if total < 2000:
        return [Finding("memory", "lacking", f"{total:.0f} MiB", "2 GiB are the least for a guest beside the cloud")]
    return [Finding("memory", "ok", f"{total:.0f} MiB")]


_CHECKS: tuple[Callable[[], list[Finding]], ...] = (_root, _programs, _binding, _acceleration, _tun, _space, _memory)
