"""A host made of the embedded parts alone: OVN, libvirt and guests wired by hand, without any control plane.

It lives in a network namespace of its own, so that it meets no other Open vSwitch of the machine, and in a folder
under /tmp that QEMU's user can reach.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libvirt as libvirt_binding
import pycdlib
from pyroute2 import netns

from harness.clouds import wait_for as until
from unkai.cli.embedded import libvirt, ovn
from unkai.cli.embedded.external import GUEST_LINK_GROUP
from unkai.kernel.children import Backoff, Supervisor

__all__ = ["IMAGES", "REPOSITORY", "Host", "call", "host", "until"]

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = Path("/var/lib/unkai/guests")
NO_OFFLOADS = (
    "<driver name='qemu'><host csum='off' gso='off' tso4='off' tso6='off' ecn='off' ufo='off'/>"
    "<guest csum='off' tso4='off' tso6='off' ecn='off' ufo='off'/></driver>"
)


def call(*argv: str, check: bool = True) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@dataclass
class Host:
    """`supervise()` may be called again after `supervisor.release()`: as a new supervisor would come up."""

    folder: Path
    key: Path
    supervisor: Supervisor = field(default_factory=Supervisor)

    @property
    def ovn(self) -> ovn.Options:
        return ovn.Options(self.folder / "ovn", "host1", group=None)

    @property
    def libvirt(self) -> libvirt.Options:
        return libvirt.Options(self.folder / "libvirt", self.network.environment)

    def supervise(self) -> None:
        self.supervisor = Supervisor(Backoff(first=0.1))
        self.network = ovn.start(self.ovn, self.supervisor)
        self.hypervisor = libvirt.start(self.libvirt, self.supervisor)

    def connect(self) -> Any:
        return libvirt_binding.open(self.hypervisor.uri)

    def nb(self, *arguments: str) -> str:
        return call("ovn-nbctl", "--no-leader-only", f"--db={self.network.northbound}", *arguments).strip()

    def vs(self, *arguments: str) -> str:
        return call("ovs-vsctl", f"--db={self.network.ovs}", "--timeout=10", *arguments).strip()

    def ssh(self, address: str, command: str, seconds: int = 5) -> subprocess.CompletedProcess[str]:
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        options.append(f"ConnectTimeout={seconds}")
        flags = [part for option in options for part in ("-o", option)]
        command_line = ["ssh", *flags, "-i", str(self.key), f"cirros@{address}", command]
        return subprocess.run(command_line, capture_output=True, text=True, check=False, timeout=seconds + 60)

    def plug(self, port: str) -> str:
        """A tap made before the guest, as the agent makes it: in the guests' link group from its first moment."""
        tap = f"tap{port}"
        call("ip", "tuntap", "add", "dev", tap, "mode", "tap")
        call("ip", "link", "set", tap, "group", str(GUEST_LINK_GROUP), "up")
        self.vs("add-port", "br-int", tap, "--", "set", "Interface", tap, f"external_ids:iface-id={port}")
        return f"<interface type='ethernet'><target dev='{tap}' managed='no'/>"

    def plugged_by_libvirt(self, port: str) -> str:
        return (
            "<interface type='bridge'><source bridge='br-int'/><virtualport type='openvswitch'>"
            f"<parameters interfaceid='{port}'/></virtualport>"
        )

    def boot(self, name: str, mac: str, interface: str) -> Any:
        """Define and start a tiny guest with a config drive. `interface`: the opening of its <interface>."""
        disk = self.folder / f"{name}.qcow2"
        call(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", str(IMAGES / "tiny.qcow2"), "-F", "qcow2", str(disk), "1G"
        )
        drive = self.folder / f"{name}.iso"
        _write_config_drive(drive, name, self.key.with_suffix(".pub").read_text())
        # libvirt would give the base image to QEMU's user too, who then could write it: it stays root's.
        # Named after the folder too: control groups are the machine's, and two hosts count their domains from 1.
        return self.connect().createXML(
            f"""<domain type='qemu'><name>{name}-{self.folder.name}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
            <os><type machine='q35'>hvm</type></os><features><acpi/></features>
            <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>
            <backingStore type='file'><format type='qcow2'/><source file='{IMAGES / "tiny.qcow2"}'>
            <seclabel model='dac' relabel='no'/></source><backingStore/></backingStore>
            <target dev='vda' bus='virtio'/></disk>
            <controller type='scsi' model='virtio-scsi'/>
            <disk type='file' device='cdrom'><source file='{drive}'/><target dev='sda' bus='scsi'/><readonly/></disk>
            {interface}<mac address='{mac}'/><model type='virtio'/>{NO_OFFLOADS}</interface>
            <serial type='pty'><log file='{self.folder / f"{name}.log"}'/></serial>
            </devices></domain>"""
        )

    def processes(self) -> list[int]:
        """Whatever still runs for this host, found by its folder's name on a command line or in an environment."""
        wanted = os.fsencode(self.folder.name)
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and wanted in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
        return found


@contextlib.contextmanager
def host() -> Iterator[Host]:
    """OVN and libvirt up and supervised; everything ended and removed on leaving, whatever happened."""
    name = f"unkai-{uuid.uuid4().hex[:8]}"
    folder = Path(tempfile.mkdtemp(prefix="unkai-host-", dir="/tmp"))
    folder.chmod(0o711)
    netns.create(name)
    netns.pushns(name)
    made = Host(folder, folder / "key")
    try:
        call("ip", "link", "set", "lo", "up")
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made.key))
        call(str(REPOSITORY / "guests/build"), "tiny", str(IMAGES))
        made.supervise()
        yield made
    finally:
        made.supervisor.release()
        with contextlib.suppress(libvirt_binding.libvirtError):
            for domain in made.connect().listAllDomains():
                domain.destroy()
        libvirt.stop(made.libvirt)
        ovn.stop(made.ovn)
        netns.popns()
        netns.remove(name)
        shutil.rmtree(folder)


def _write_config_drive(path: Path, name: str, key: str) -> None:
    metadata = {"uuid": str(uuid.uuid4()), "hostname": f"{name}.test", "public_keys": {"test": key}}
    content = json.dumps(metadata).encode()
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="config-2")
    for depth in ("/OPENSTACK", "/OPENSTACK/LATEST"):
        lower = depth.lower()
        image.add_directory(depth, rr_name=lower.rpartition("/")[2], joliet_path=lower)
    image.add_fp(
        io.BytesIO(content),
        len(content),
        "/OPENSTACK/LATEST/METADATA.;1",
        rr_name="meta_data.json",
        joliet_path="/openstack/latest/meta_data.json",
    )
    image.write(str(path))
    image.close()
