"""Guests of the embedded cloud as `down` sees them: domains of our libvirt, asked to power off before it goes."""

import subprocess
import time
from collections.abc import Callable

from unkai.cli.embedded import libvirt
from unkai.cli.embedded.place import Place

_PATIENCE = 30.0


def shut_down(place: Place, say: Callable[[str], None]) -> None:
    """Ask every running guest to power off, wait at most half a minute for all of them, then take their power."""
    uri = libvirt.connection_uri(place.libvirt({}))
    running = _running(uri)
    if not running:
        return
    say(f"shutting down {len(running)} guest(s)")
    for name in running:
        # By ACPI alone: libvirt would otherwise wait for the agent of a guest that is still booting.
        _virsh(uri, "shutdown", "--mode", "acpi", name)
    until = time.monotonic() + _PATIENCE
    while (running := _running(uri)) and time.monotonic() < until:
        time.sleep(0.5)
    for name in running:
        say(f"{name} did not power off in {_PATIENCE:g} s: taking its power")
        _virsh(uri, "destroy", name)


def _running(uri: str) -> list[str]:
    """Names; nothing when libvirt is not there (then it has no guests either, or `up` will find them)."""
    return [line for line in _virsh(uri, "list", "--name").splitlines() if line.startswith("instance-")]


def _virsh(uri: str, *arguments: str) -> str:
    command = ["virsh", "--quiet", f"--connect={uri}", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False).stdout
    except subprocess.TimeoutExpired:
        return ""  # libvirt does not answer: it is ended next, and its guests are found again by the next `up`
