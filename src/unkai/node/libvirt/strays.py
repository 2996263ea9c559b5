"""QEMU processes that libvirt has lost.

A libvirtd that is killed between starting QEMU and noting it leaves a guest that nobody knows: it holds the disk, so
the same guest could not start again. Such a process is known by the server's id on its command line. Blocking.
"""

import contextlib
import os
import select
import signal
from pathlib import Path

from unkai.kernel.clock import monotonic
from unkai.kernel.log import get

__all__ = ["end", "find"]

_log = get(__name__)


def find(server_id: str) -> list[int]:
    """Processes that run this server's domain, by pid."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            if "qemu" in os.path.basename(os.fsdecode(arguments[0])) and _uuid(arguments) == server_id:
                found.append(int(entry.name))
    return found


def _uuid(arguments: list[bytes]) -> str:
    with contextlib.suppress(ValueError, IndexError):
        return arguments[arguments.index(b"-uuid") + 1].decode(errors="replace")
    return ""


def end(server_id: str) -> None:
    """Kill them and wait until they are gone. Only for a server that libvirt says does not run."""
    for pid in find(server_id):
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if pid in find(server_id):  # the handle is that process'
                    _log.warning("ending a guest that libvirt has lost", server=server_id, pid=pid)
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    _await_end(handle)
            finally:
                os.close(handle)


def _await_end(handle: int) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    until = monotonic() + 10.0
    while monotonic() < until and not poll.poll(500):
        continue
