"""libvirt of the embedded cloud: virtlogd and libvirtd as children, or the machine's own libvirt if it runs one.

libvirtd as root has its paths compiled in: of /etc/libvirt, /run/libvirt,
/var/lib/libvirt, /var/log/libvirt and /var/cache/libvirt only the socket's folder
and libvirtd.conf can be chosen, neither qemu.conf nor the QEMU driver's state nor
virtlogd's socket (measured with 9.0). Hence two layouts:

- *private*, wherever the machine lets root make a mount namespace: each daemon gets
  one of its own in which those five folders are folders of `Options.directory`. The
  machine's stay as they are, and several clouds fit on one machine. Mounts made by
  the machine later still appear inside.
- *shared*, in containers without that right: sockets, records and libvirtd.conf lie
  in `Options.directory`, the rest where libvirt insists. /etc/libvirt/qemu.conf is
  written if it is absent or was written here before; another's is kept.

The layout is chosen once for a directory, since the guests' state lies in it.

Guests are no children of libvirtd: they go on when it dies, and a new one finds them
by the state it left. What ends with virtlogd is the console log of running guests.
"""

import contextlib
import grp
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from unkai.cli.embedded.tools import HostError, answers, run
from unkai.kernel import children
from unkai.kernel.children import Child, Status, Supervisor

__all__ = ["Endpoints", "Options", "connection_uri", "specifications", "start", "status", "stop"]

Layout = Literal["private", "shared", "system"]

_FOLDERS = {
    "etc": "/etc/libvirt",
    "run": "/run/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
_DEBIAN_QEMU_ID = 64055  # the same on every host, as Debian's own packages do it, so that disks can be shared
_OURS = "# Written by Unkai at each start: changes here are lost.\n"

# Arguments: the folder with etc, run, ...; then the daemon's command line.
_ENTER = "here=$1; shift; set -e\n" + "".join(
    f'mount --bind "$here/{name}" {place}\n' for name, place in _FOLDERS.items()
)
_ENTER += 'exec "$@"\n'


@dataclass(frozen=True, slots=True)
class Options:
    """`directory` is libvirt's own (made if missing). `environment` is what OVN's endpoints say, so that
    libvirtd's ovs-vsctl finds the right Open vSwitch. QEMU runs as `user`, made if missing, with the group of
    the same name. `layout` "auto" takes the machine's libvirt, else private, else shared."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "libvirt-qemu"
    layout: Literal["auto", "private", "shared"] = "auto"
    system: Path = Path("/run/libvirt")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`uri` for libvirt.open(). QEMU's `user` must be able to read what guests shall have (None: the machine's
    own libvirt decides)."""

    uri: str
    layout: Layout
    user: str | None


def start(options: Options, supervisor: Supervisor) -> Endpoints:
    """Bring libvirt up, or adopt what runs, and wait until its QEMU driver answers. Safe to repeat.

    Raises HostError when the machine cannot, children.ChildError when a daemon
    does not come up.
    """
    layout = _layout(options)
    endpoints = _endpoints(options, layout)
    if layout != "system":
        _make_user(options.user)
        _open_kvm()
        _make_folders(options, layout)
        _configure(options, layout)
        for child in _daemons(options, layout):
            supervisor.run(child)
    # A libvirtd whose QEMU driver did not load answers too; only a connection to the driver tells.
    run(["virsh", "--quiet", f"--connect={endpoints.uri}", "version"])
    return endpoints


def stop(options: Options) -> None:
    """End the daemons; running guests stay. Whoever supervises must have let go."""
    for child in reversed(specifications(options)):
        children.stop(child)


def status(options: Options) -> list[Status]:
    """One row for each daemon that is ours."""
    return [children.status(child) for child in specifications(options)]


def connection_uri(options: Options) -> str:
    """What `start` would return as `uri`, without starting anything."""
    return _endpoints(options, _layout(options)).uri


def specifications(options: Options) -> list[Child]:
    """The daemons that are (to be) ours, in the order of their start."""
    return _daemons(options, _layout(options))


# ---- which layout ---------------------------------------------------------------------------------


def _layout(options: Options) -> Layout:
    root = options.directory.absolute()
    decided = _decided(root)
    ours = children.adopt(Child("libvirtd", (), root / "children")) is not None
    if not ours and any(answers(options.system / name) for name in ("libvirt-sock", "virtqemud-sock")):
        return "system"
    if decided is not None:
        if decided == "private" and not ours and not _can_mount():
            raise HostError(
                f"the guests' state in {root} was made in a private mount namespace, which this machine does not "
                f"allow (any more). To begin anew, stop those guests and remove {root}"
            )
        return decided
    if options.layout != "auto":
        return options.layout
    return "private" if _can_mount() else "shared"


def _decided(root: Path) -> Layout | None:
    try:
        text = (root / "layout").read_text().strip()
    except FileNotFoundError:
        return None
    return "private" if text == "private" else "shared"


def _can_mount() -> bool:
    attempt = ["unshare", "--mount", "--propagation", "slave", "mount", "--bind", "/", "/"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


def _endpoints(options: Options, layout: Layout) -> Endpoints:
    if layout == "system":
        return Endpoints("qemu:///system", layout, None)
    path = options.directory.absolute() / "run" / "libvirt-sock"
    return Endpoints(f"qemu+unix:///system?socket={quote(str(path))}", layout, options.user)


# ---- what must be there ---------------------------------------------------------------------------


def _make_user(name: str) -> None:
    """QEMU's user and group: libvirt's QEMU driver refuses to load without them."""
    _make_group("kvm")
    identity = [] if _taken(_DEBIAN_QEMU_ID) else [str(_DEBIAN_QEMU_ID)]
    _make_group(name, *identity)
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", f"--gid={name}", "--groups=kvm", "--no-create-home"]
        command += ["--home-dir=/var/lib/libvirt", "--shell=/usr/sbin/nologin"]
        run([*command, *(f"--uid={number}" for number in identity), name])


def _make_group(name: str, *identity: str) -> None:
    try:
        grp.getgrnam(name)
    except KeyError:
        run(["groupadd", "--system", *(f"--gid={number}" for number in identity), name])


def _open_kvm() -> None:
    """Give /dev/kvm to its group where no udev did (in containers), as udev's own rule would.

    Without that, libvirt does not only refuse KVM: it sees it while probing QEMU, misses
    it as QEMU's user, and probes anew, for half a second, at every use.
    """
    kvm = Path("/dev/kvm")
    if kvm.is_char_device() and kvm.stat().st_gid == 0:
        with contextlib.suppress(PermissionError):  # a device that another container lent
            shutil.chown(kvm, group="kvm")
            kvm.chmod(0o660)


def _taken(number: int) -> bool:
    for lookup in pwd.getpwuid, grp.getgrgid:
        try:
            lookup(number)
        except KeyError:
            continue
        return True
    return False


def _make_folders(options: Options, layout: Layout) -> None:
    root = options.directory.absolute()
    # QEMU's user passes through on its way to sockets and disks below `lib`.
    for folder in root, *(root / name for name in _FOLDERS):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
    (root / "children").mkdir(exist_ok=True)
    (root / "children").chmod(0o700)
    for place in _FOLDERS.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    (root / "layout").write_text(f"{layout}\n")


def _configure(options: Options, layout: Layout) -> None:
    root = options.directory.absolute()
    identity = root / "host-uuid"
    if not identity.exists():
        identity.write_text(f"{uuid.uuid4()}\n")
    _write(root / "etc" / "libvirtd.conf", _libvirtd(identity.read_text().strip(), str(root / "run"), layout))
    _write(root / "etc" / "virtlogd.conf", {"log_outputs": "3:stderr", "max_size": 2 * 1024 * 1024, "max_backups": 3})
    target = root / "etc" / "qemu.conf" if layout == "private" else Path(_FOLDERS["etc"], "qemu.conf")
    if layout == "private" or not target.exists() or target.read_text().startswith(_OURS):
        _write(target, _qemu(options.user))


def _libvirtd(identity: str, sockets: str, layout: Layout) -> dict[str, str | int | list[str]]:
    return {
        "host_uuid": identity,
        # One cloud's hosts trust each other through Unkai, not through libvirt's own network doors.
        "listen_tls": 0,
        "listen_tcp": 0,
        "unix_sock_dir": _FOLDERS["run"] if layout == "private" else sockets,
        "unix_sock_group": "root",
        "unix_sock_rw_perms": "0700",
        "unix_sock_ro_perms": "0700",
        "unix_sock_admin_perms": "0700",
        "auth_unix_rw": "none",
        "auth_unix_ro": "none",
        "log_outputs": "3:stderr",
    }


def _qemu(user: str) -> dict[str, str | int | list[str]]:
    return {
        "user": user,
        "group": user,
        # Disks and sockets are handed to QEMU's user for the time the guest runs.
        "dynamic_ownership": 1,
        "remember_owner": 0,
        "security_driver": "none",
        # A namespace per guest needs rights that a container lacks and hides files plugged in later.
        "namespaces": [],
        "stdio_handler": "logd",
    }


def _write(path: Path, settings: Mapping[str, str | int | list[str]]) -> None:
    lines = [_OURS]
    for key, value in settings.items():
        shown = value if isinstance(value, int) else f'"{value}"' if isinstance(value, str) else "[ ]"
        lines.append(f"{key} = {shown}\n")
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text("".join(lines))
    fresh.replace(path)


def _keeper() -> tuple[str, ...]:
    """What runs a daemon whose own children end as orphans, which is how libvirt runs QEMU.

    libvirt takes a guest for alive until somebody has reaped it. systemd does so at
    once; the first process of a container may do so late or never, and each end of a
    guest would take seconds. tini then takes the orphans in, and the daemon dies with
    it, so that the pair is one to the supervisor.
    """
    if Path("/run/systemd/system").is_dir() or shutil.which("tini") is None:
        return ()
    return "tini", "-s", "--", "setpriv", "--pdeathsig", "KILL"


def _daemons(options: Options, layout: Layout) -> list[Child]:
    if layout == "system":
        return []
    root = options.directory.absolute()
    enter: tuple[str, ...] = ()
    if layout == "private":
        enter = ("unshare", "--mount", "--propagation", "slave", "sh", "-c", _ENTER, "enter", str(root))
    enter += _keeper()
    logs = root / "run" if layout == "private" else Path(_FOLDERS["run"])

    def daemon(name: str, ready: Path) -> Child:
        return Child(
            name,
            (*enter, name, f"--config={root / 'etc' / f'{name}.conf'}", f"--pid-file={root / 'run' / f'{name}.pid'}"),
            root / "children",
            env=dict(options.environment),
            open_files=65536,
            ready=ready,
            ready_timeout=30.0,
        )

    return [
        daemon("virtlogd", logs / "virtlogd-sock"),
        daemon("libvirtd", root / "run" / "libvirt-sock"),
    ]
