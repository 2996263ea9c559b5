"""Which kind of guest this machine can run: `virt_type=auto` by booting one.

That /dev/kvm is there, even that it opens, says little: inside some virtual machines
it leads to a KVM that aborts or crawls with the first real guest. So a guest of 512
bytes is booted the way libvirt boots guests: with the host's CPU, as QEMU's user. It
works through a loop that takes hardware some milliseconds, writes a greeting to the
serial port and ends QEMU with a status of its own through the debug-exit device.
"""

import hashlib
import json
import os
import platform
import pwd
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unkai.cli.embedded.tools import HostError, run

__all__ = ["Verdict", "boot_sector", "verdict"]

_GREETING = b"unkai probe\r\n"
_STATUS = 0x2A
_TURNS = 20_000_000
_PATIENCE = 5.0  # seconds; hardware needs a tenth of one, most of it QEMU's own start
_DEVICE = Path("/dev/kvm")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kvm`: hardware runs guests; `qemu`: they are emulated. `reason` is for people."""

    virt_type: Literal["kvm", "qemu"]
    reason: str


def verdict(directory: Path, user: str | None = None, emulator: str = "qemu-system-x86_64") -> Verdict:
    """What this machine can run; QEMU runs as `user` (None: as the caller).

    Kept in `directory`/virt-type.json until the kernel, QEMU, the CPU or /dev/kvm
    changes. Raises HostError when not even an emulated guest runs.
    """
    machine = _fingerprint(emulator, user)
    kept = directory / "virt-type.json"
    try:
        known = json.loads(kept.read_bytes())
        if known["machine"] == machine:
            return Verdict(known["virt_type"], known["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing kept, or not by us: found out below
    found = _find_out(user, emulator)
    directory.mkdir(parents=True, exist_ok=True)
    fresh = kept.with_suffix(".new")
    fresh.write_text(json.dumps({"machine": machine, **asdict(found)}, indent=1) + "\n")
    fresh.replace(kept)
    return found


def boot_sector() -> bytes:
    """The guest: real-mode code at 0x7c00, loaded by the BIOS."""
    head = bytes.fromhex(
        "31 c0"  # xor ax, ax
        "8e d8"  # mov ds, ax
    )
    head += b"\x66\xb9" + _TURNS.to_bytes(4, "little")  # mov ecx, TURNS
    head += bytes.fromhex(
        "66 49"  # turn: dec ecx
        "75 fc"  # jnz turn
        "fc"  # cld
        "ba f8 03"  # mov dx, 0x3f8: the first serial port
    )
    tail = bytes.fromhex(
        "ac"  # next: lodsb
        "84 c0"  # test al, al
        "74 03"  # jz done
        "ee"  # out dx, al
        "eb f8"  # jmp next
        "ba f4 00"  # done: mov dx, 0xf4: the debug-exit device
    )
    tail += b"\xb0" + _STATUS.to_bytes(1, "little")  # mov al, STATUS
    tail += bytes.fromhex(
        "ee"  # out dx, al
        "f4"  # hang: hlt
        "eb fd"  # jmp hang
    )
    text = 0x7C00 + len(head) + 3 + len(tail)
    code = head + b"\xbe" + text.to_bytes(2, "little") + tail + _GREETING + b"\0"  # mov si, text
    return code.ljust(510, b"\0") + b"\x55\xaa"


def _find_out(user: str | None, emulator: str) -> Verdict:
    if not _DEVICE.exists():
        refused = "there is no /dev/kvm"
    else:
        refused = _boot("kvm", "host", user, emulator)
        if not refused:
            return Verdict("kvm", "a probe guest ran on /dev/kvm")
    broken = _boot("tcg", "max", user, emulator)
    if broken:
        raise HostError(f"QEMU cannot run guests here, not even emulated ones: {broken}")
    return Verdict("qemu", f"guests are emulated: {refused}")


def _boot(accelerator: str, cpu: str, user: str | None, emulator: str) -> str:
    """Boot the probe guest: "" if it ran, else what went wrong."""
    command = [emulator, "-machine", f"pc,accel={accelerator}", "-cpu", cpu, "-m", "16"]
    command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", "file=/dev/fdset/1,format=raw,if=ide"]
    with tempfile.TemporaryFile() as disk, open(f"/proc/self/fd/{disk.fileno()}", "rb") as again:
        disk.write(boot_sector())
        disk.flush()
        # Handed over open, for writing and for reading: QEMU's user may reach no folder of ours.
        for file in disk, again:
            command += ["-add-fd", f"fd={file.fileno()},set=1"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                pass_fds=[disk.fileno(), again.fileno()],
                **_credentials(user),
            )
        except subprocess.TimeoutExpired:
            return f"a probe guest on {accelerator} did not finish in {_PATIENCE:g} s"
        except OSError as error:
            return str(error)
    # What the guest writes to the device comes out as status * 2 + 1.
    if done.returncode == (_STATUS << 1 | 1) & 0xFF and _GREETING in done.stdout:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    end = f"exit status {done.returncode}" if done.returncode >= 0 else f"signal {-done.returncode}"
    return f"a probe guest on {accelerator} failed ({end}): {said[0] if said else 'no message'}"


def _credentials(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}


def _fingerprint(emulator: str, user: str | None) -> str:
    system = platform.uname()
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    facts = [system.release, system.version, run([emulator, "--version"]), *model[:1], str(user)]
    if _DEVICE.exists():
        state = _DEVICE.stat()
        facts.append(f"{state.st_rdev} {state.st_mode} {state.st_uid} {state.st_gid}")
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()
