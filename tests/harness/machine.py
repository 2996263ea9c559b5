"""What this machine can run. A test that it cannot run is skipped with the reason that is found here."""

import importlib.util
import os
import pwd
import shutil
from collections.abc import Iterable
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POSTGRES = Path("/usr/lib/postgresql")
OVN_PROGRAMS = ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovn-northd", "ovn-controller", "ovn-nbctl")
LIBVIRT_PROGRAMS = ("libvirtd", "virtlogd", "qemu-system-x86_64", "qemu-img")


def program(name: str, *folders: Path) -> str | None:
    """Where a program is, in `folders`, on the PATH, or where only root's PATH has it."""
    path = ":".join([*map(str, folders), os.environ.get("PATH", ""), SYSTEM_PATH])
    return shutil.which(name, path=path)


def _missing_programs(names: Iterable[str]) -> str | None:
    missing = [name for name in names if program(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def _root() -> str | None:
    return None if os.geteuid() == 0 else "needs root"


def _libvirt() -> str | None:
    if importlib.util.find_spec("libvirt") is None:
        return "python has no libvirt binding"
    return _missing_programs(LIBVIRT_PROGRAMS)


def _postgres() -> str | None:
    if postgres_programs() is None:
        return "PostgreSQL's server programs are not installed"
    if os.geteuid() == 0 and not _user_exists("postgres"):
        return "PostgreSQL does not run as root and there is no user postgres"
    return None


def _guest() -> str | None:
    return _root() or _libvirt() or _missing_programs(OVN_PROGRAMS)


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def postgres_programs() -> Path | None:
    """The folder of the newest PostgreSQL's server programs (initdb, postgres), or None."""
    folders = [initdb.parent for initdb in POSTGRES.glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


NEEDS = {
    "root": _root,
    "guest": _guest,
    "ovn": lambda: _missing_programs(OVN_PROGRAMS),
    "libvirt": _libvirt,
    "postgres": _postgres,
}


def lacks(marker: str) -> str | None:
    """Why tests with this marker cannot run here, or None when they can. KeyError: no such marker."""
    return NEEDS[marker]()
