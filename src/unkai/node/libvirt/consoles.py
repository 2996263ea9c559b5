"""Consoles: a serial port with a log, a screen on a unix socket. And reading the log."""

from pathlib import Path

from unkai.contracts.guest import Hardware
from unkai.node.libvirt.host import Host
from unkai.node.libvirt.xml import Element, add

__all__ = ["MAX_CONSOLE_BYTES", "add_consoles", "console_log", "read_log", "vnc_socket"]

# Upstream's limit of what a request returns.
MAX_CONSOLE_BYTES = 100 * 1024
# virtlogd keeps that many older pieces (max_backups), as console.log.0 and so on, the newest first.
_PIECES = 3


def console_log(folder: Path) -> Path:
    return folder / "console.log"


def vnc_socket(folder: Path) -> Path:
    """In a folder of its own, the only one of a guest's that QEMU's user may write to."""
    return folder / "run" / "vnc"


def add_consoles(devices: Element, folder: Path, host: Host, hardware: Hardware) -> None:
    serial = add(devices, "serial", type="pty")
    add(serial, "log", file=console_log(folder), append="off")
    add(serial, "target", port=0)
    if not host.vnc:
        add(add(devices, "video"), "model", type="none")
        return
    graphics = add(devices, "graphics", type="vnc")
    add(graphics, "listen", type="socket", socket=vnc_socket(folder))
    add(add(devices, "video"), "model", type=hardware.video_model or "virtio")
    if (hardware.pointer_model or host.pointer) == "usbtablet":
        add(devices, "input", type="tablet", bus="usb")


def read_log(log: Path, length: int | None) -> str:
    """The last `length` lines (None: all) of what is kept, at most MAX_CONSOLE_BYTES. "" without a log. Blocks."""
    data = b""
    for piece in [log, *(log.with_name(f"{log.name}.{number}") for number in range(_PIECES))]:
        if len(data) >= MAX_CONSOLE_BYTES:
            break
        data = _tail(piece, MAX_CONSOLE_BYTES - len(data)) + data
    text = data.decode(errors="replace")
    if length is None:
        return text
    return "\n".join(text.splitlines()[-length:]) if length > 0 else ""


def _tail(path: Path, size: int) -> bytes:
    try:
        with open(path, "rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - size))
            return stream.read(size)
    except FileNotFoundError:
        return b""
