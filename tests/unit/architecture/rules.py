"""The import rules of the house, as data. docs/adr/0001-rooms.md says why."""

from dataclasses import dataclass

PACKAGE = "unkai"

# Top to bottom: a room may use those below it.
ROOMS = (
    "console",
    "compute",
    "volume",
    "image",
    "scheduler",
    "nodes",
    "network",
    "placement",
    "keymanager",
    "identity",
)

# What runs on a hypervisor host is trusted with less: it has no database, no web application and no policy.
NODE_MAY_USE_OF_KERNEL = frozenset({"log", "settings", "errors", "children", "ids", "clock"})

# A library with one home, so that it can be replaced, or left out of a process that does not need it.
HOMES: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("kernel", "migrations", "*.store"),
    "alembic": ("migrations",),
    "psycopg": ("kernel",),
    "falcon": ("kernel", "cloud", "*.api"),
    "uvicorn": ("kernel", "cli", "cloud", "nodes", "node"),
    "oslo_policy": ("kernel.policy",),
    "oslo_config": ("kernel.settings",),
    "click": ("cli",),
    "rich": ("cli",),
    "libvirt": ("node", "cli.doctor"),
    "libvirt_qemu": ("node",),
    "pyroute2": ("node",),
    "ovsdbapp": ("network", "node"),
    "numpy": ("placement", "scheduler"),
}


@dataclass(frozen=True)
class Import:
    """`module` (dotted, without the package) of `source` imports `target` (dotted, whole)."""

    source: str
    target: str
    line: int


def complaint(found: Import) -> str | None:
    """Why this import is against the rules, or None."""
    parts = found.target.split(".")
    if parts[0] == PACKAGE:
        return _inside(found.source, parts[1:])
    return _library(found.source, parts[0])


def _inside(source: str, target: list[str]) -> str | None:
    if not target:
        return None  # `import unkai`: its version
    room, other = source.split(".")[0], target[0]
    if room == other:
        return None
    if room == "contracts":
        return "contracts imports nothing of Unkai"
    if room == "kernel":
        return "the kernel knows no room"
    if room == "node":
        return _node(target)
    if other == "kernel" or other == "contracts":
        return None
    if room == "cli":
        return None  # the command assembles, starts and asks everything
    if room == "migrations":
        return None if other == "cloud" else "migrations know the rooms only through cloud.py, which imports them all"
    if other == "migrations":
        return "only the command migrates"
    if other == "front" and room == "cloud":
        return None
    if other in ("cli", "cloud", "front"):
        return f"{other} is above {room}"
    if other == "node":
        return None if room == "cloud" else "only the command and cloud.py start what runs on a host"
    return _room_to_room(room, target, source)


def _node(target: list[str]) -> str | None:
    if target[0] == "contracts":
        return None
    if target[0] == "kernel":
        names = ", ".join(sorted(NODE_MAY_USE_OF_KERNEL))
        allowed = len(target) > 1 and target[1] in NODE_MAY_USE_OF_KERNEL
        return None if allowed else f"node uses only {names} of the kernel"
    return "node uses only contracts and parts of the kernel"


def _room_to_room(room: str, target: list[str], source: str) -> str | None:
    other = target[0]
    if other not in ROOMS:
        return f"{other} is no room"
    if room in ("cloud", "front"):
        return None if target[1:2] in (["room"], ["service"]) else "cloud.py uses only room.py and service of a room"
    if room not in ROOMS:
        return f"{room} is no room and imports one (from {source})"
    if ROOMS.index(other) < ROOMS.index(room):
        return f"{other} is above {room}"
    if target[1:2] != ["service"]:
        return f"rooms meet only at another room's service: {room} reaches into {'.'.join(target)}"
    return None


def _library(source: str, library: str) -> str | None:
    homes = HOMES.get(library)
    if homes is None or any(_is_home(source, home) for home in homes):
        return None
    return f"{library} is used only in {', '.join(homes)}"


def _is_home(source: str, home: str) -> bool:
    parts, wanted = source.split("."), home.split(".")
    return len(parts) >= len(wanted) and all(w in ("*", p) for p, w in zip(parts, wanted, strict=False))
