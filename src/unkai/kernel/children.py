"""Child processes that outlive whoever started them.

The embedded cloud starts daemons (OVN, libvirtd, the agent) that must go on when
their supervisor is killed with -9, and that the next supervisor must find again
instead of starting a second one. So a child runs in a session of its own, writes
to a log file instead of a pipe, and is known by a record on disk: pid, start time
and boot, which together never name another process.

Everything about one child lies in `Child.directory`: `NAME.pid` (the record),
`NAME.lock` (flock: one starter at a time) and `NAME.log`. A child also carries
`UNKAI_CHILD=DIRECTORY/NAME` in its environment, by which it is found when its
starter was killed between starting it and writing the record.

The functions work on one child and may be called from any process; `Supervisor`
is for the one process that also restarts what dies.
"""

import contextlib
import fcntl
import grp
import json
import os
import pwd
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import structlog

__all__ = [
    "Backoff",
    "Child",
    "ChildError",
    "Process",
    "Status",
    "Supervisor",
    "adopt",
    "alive",
    "ensure",
    "start",
    "status",
    "stop",
]

_MARK = "UNKAI_CHILD"
_LOG_LIMIT = 10 * 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The processes this very process started: only a parent can reap, and must.
_own: dict[int, subprocess.Popen[bytes]] = {}


class ChildError(Exception):
    """A child did not come up. The text names it, says how it ended and carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """What shall run.

    `argv[0]` is looked up in PATH; the program must stay in the foreground (no
    `--detach`), else the wrong process is watched. The environment is `env` plus
    PATH and LANG only, so that nothing of the caller's leaks in. `open_files` is the
    soft limit, as far as the hard limit allows. `ready` is a unix socket ("{pid}" in
    it stands for the child's): the child counts as up once it accepts connections.
    Times in seconds.
    """

    name: str
    argv: tuple[str, ...]
    directory: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | int | None = None
    group: str | int | None = None
    umask: int = 0o022
    open_files: int | None = None
    ready: Path | None = None
    ready_timeout: float = 15.0
    stop_timeout: float = 10.0

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def record(self) -> Path:
        return self.directory / f"{self.name}.pid"

    @property
    def mark(self) -> str:
        return str(self.directory.absolute() / self.name)


@dataclass(frozen=True, slots=True)
class Process:
    """A process, running or gone: `started` is field 22 of /proc/PID/stat (ticks since boot), `boot` is that
    boot's id."""

    name: str
    pid: int
    started: int
    boot: str


@dataclass(frozen=True, slots=True)
class Status:
    """One row for `unkai status`. `dead` means that a record is there and its process is not. `since` is Unix
    time, `memory` the resident bytes of its session; both 0 unless running."""

    name: str
    state: Literal["running", "stopped", "dead"]
    pid: int = 0
    since: float = 0.0
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses before restarts: `first` seconds, doubling up to `longest`; after a run of `steady` seconds they
    begin at `first` again."""

    first: float = 0.5
    longest: float = 30.0
    steady: float = 60.0

    def pause(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(failures, 16))


def adopt(child: Child) -> Process | None:
    """The living process of this child, whoever started it, or None. Changes nothing."""
    known = _read_record(child)
    if known is not None and alive(known):
        return known
    return _find_marked(child)


def alive(process: Process) -> bool:
    """Whether exactly this process still runs: not one that got its pid later, and not a zombie."""
    if process.boot != _boot_id():
        return False
    _reap(process.pid)
    found = _stat(process.pid)
    return found is not None and found.started == process.started and found.state not in "ZX"


def ensure(child: Child) -> Process:
    """Adopt the child or start it; never a second one. Does not wait until it is ready.

    Raises OSError when the program cannot be executed, LookupError or KeyError
    when its user or group does not exist.
    """
    child.directory.mkdir(parents=True, exist_ok=True)
    with _lock(child):
        process = adopt(child) or _spawn(child)
        _write_record(child, process)
        return process


def start(child: Child) -> Process:
    """`ensure`, then wait until the child is ready.

    Raises ChildError when it ends first or is not ready in time; one that was
    started here is stopped again then, one that was found running is left alone.
    """
    found = adopt(child)
    process = ensure(child)
    try:
        _wait_ready(child, process)
    except ChildError:
        if found != process:
            stop(child)
        raise
    return process


def stop(child: Child) -> bool:
    """End the child: TERM, then KILL after `stop_timeout`. True if it was running. Its own children are left:
    guests outlive libvirtd on purpose."""
    if not child.directory.is_dir():
        return False
    with _lock(child):
        process = adopt(child)
        if process is not None:
            _end(child, process)
        child.record.unlink(missing_ok=True)
        return process is not None


def status(child: Child) -> Status:
    """What runs now, for people."""
    process = adopt(child)
    if process is None:
        return Status(child.name, "dead" if child.record.exists() else "stopped")
    return Status(
        child.name,
        "running",
        process.pid,
        since=_boot_time() + process.started / _TICKS,
        memory=_resident(process.pid),
    )


class Supervisor:
    """Restarts children that die, one watching thread each.

    `release` ends the watching and leaves the children running (for the next
    supervisor to adopt); `stop` ends the children too, the last started first.
    """

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._log = structlog.stdlib.get_logger("unkai.children")
        self._threads: dict[str, tuple[Child, threading.Thread]] = {}
        self._released = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)

    def run(self, child: Child, after: Callable[[], None] | None = None) -> Process:
        """Start or adopt the child, wait until it is ready, call `after`, and watch it from then on.

        `after` runs again after every restart: it puts back what lived in the
        process only (the address of a bridge, say). Raises as `start` does.
        """
        if child.name in self._threads:
            raise ValueError(f"{child.name} is watched already")
        process = start(child)
        if after is not None:
            after()
        thread = threading.Thread(
            target=self._watch, args=(child, process, after), name=f"watch-{child.name}", daemon=True
        )
        self._threads[child.name] = child, thread
        thread.start()
        return process

    def status(self) -> list[Status]:
        return [status(child) for child, _ in self._threads.values()]

    def release(self) -> None:
        self._released.set()
        os.eventfd_write(self._wake, 1)
        for _, thread in self._threads.values():
            thread.join()

    def stop(self) -> None:
        self.release()
        for child, _ in reversed(self._threads.values()):
            stop(child)

    def _watch(self, child: Child, process: Process | None, after: Callable[[], None] | None) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            if process is not None:
                if not self._until_death(process):
                    return
                self._log.warning("child died", child=child.name, pid=process.pid, log=str(child.log))
            if time.monotonic() - began >= self._backoff.steady:
                failures = 0
            if self._released.wait(self._backoff.pause(failures)):
                return
            failures += 1
            process = self._restart(child, after)

    def _until_death(self, process: Process) -> bool:
        """True when the process died, False when the supervisor was released."""
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            _reap(process.pid)
            return not self._released.is_set()
        try:
            # Looked at after opening: from here on the handle means this process, whatever its pid.
            if not alive(process):
                return not self._released.is_set()
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            poll.register(self._wake, select.POLLIN)
            poll.poll()
        finally:
            os.close(handle)
        _reap(process.pid)
        return not self._released.is_set()

    def _restart(self, child: Child, after: Callable[[], None] | None) -> Process | None:
        """The new process, or None when it or what follows it failed: then all is tried again (a child that
        runs by then is only adopted). Nothing that a restart raises may end the watching."""
        try:
            process = start(child)
            if after is not None:
                after()
        except Exception as error:
            self._log.error("child did not come back", child=child.name, error=str(error))
            return None
        self._log.info("child restarted", child=child.name, pid=process.pid)
        return process


# ---- starting and ending -------------------------------------------------------------------------


@contextlib.contextmanager
def _lock(child: Child) -> Iterator[None]:
    # Closed on exec, but shared with a fork until then: whoever takes the lock after its holder was killed in
    # the middle of a start finds either no new process or one that carries the mark.
    handle = os.open(child.directory / f"{child.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _spawn(child: Child) -> Process:
    _rotate(child.log)
    environment = {"PATH": os.environ.get("PATH", _PATH), "LANG": "C.UTF-8", **child.env, _MARK: child.mark}
    user, group, groups = _credentials(child)
    with open(child.log, "ab") as log:
        popen = subprocess.Popen(
            _command(child),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
            umask=child.umask,
            user=user,
            group=group,
            extra_groups=groups,
        )
    _own[popen.pid] = popen
    found = _stat(popen.pid)
    # Not reaped yet, so at worst a zombie is read here, with its start time.
    return Process(child.name, popen.pid, found.started if found else 0, _boot_id())


def _credentials(child: Child) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and supplementary groups to run with; None keeps the caller's."""
    group = child.group
    if isinstance(group, str):
        group = grp.getgrnam(group).gr_gid
    if child.user is None:
        return None, group, None
    entry = pwd.getpwuid(child.user) if isinstance(child.user, int) else pwd.getpwnam(child.user)
    if group is None:
        group = entry.pw_gid
    return entry.pw_uid, group, os.getgrouplist(entry.pw_name, group)


def _command(child: Child) -> tuple[str, ...]:
    if child.open_files is None:
        return child.argv
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = child.open_files if hard == resource.RLIM_INFINITY else min(child.open_files, hard)
    # By a program that becomes the child: setting it from here would need rights that root may lack in a
    # container, and a function between fork and exec is not safe with threads.
    return "prlimit", f"--nofile={soft}:", *child.argv


def _end(child: Child, process: Process) -> None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if not alive(process):
            return
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        for number, patience in (signal.SIGTERM, child.stop_timeout), (signal.SIGKILL, 10.0):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if poll.poll(patience * 1000):
                break
    finally:
        os.close(handle)
        _reap(process.pid)


def _wait_ready(child: Child, process: Process) -> None:
    deadline = time.monotonic() + child.ready_timeout
    door = child.ready and Path(str(child.ready).replace("{pid}", str(process.pid)))
    while alive(process):
        if door is None or _accepts(door):
            return
        if time.monotonic() > deadline:
            raise ChildError(f"{child.name} was not ready after {child.ready_timeout:g} s: {_tail(child.log)}")
        time.sleep(0.02)
    raise ChildError(f"{child.name} ended at once: {_tail(child.log)}")


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _reap(pid: int) -> None:
    popen = _own.get(pid)
    if popen is not None and popen.poll() is not None:
        _own.pop(pid, None)


def _rotate(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.1"))


def _tail(log: Path, lines: int = 5) -> str:
    try:
        with open(log, "rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4096))
            text = stream.read().decode(errors="replace")
    except OSError as error:
        return f"no log ({error})"
    return " | ".join(text.splitlines()[-lines:]) or "its log is empty"


# ---- records -------------------------------------------------------------------------------------


def _read_record(child: Child) -> Process | None:
    try:
        value = json.loads(child.record.read_bytes())
        return Process(str(value["name"]), int(value["pid"]), int(value["started"]), str(value["boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        # Absent, or a half-written or foreign file: the mark in the environment still finds the child.
        return None


def _write_record(child: Child, process: Process) -> None:
    fresh = child.record.with_suffix(".pid.new")
    fresh.write_text(json.dumps(asdict(process)) + "\n")
    fresh.replace(child.record)


def _find_marked(child: Child) -> Process | None:
    wanted = f"{_MARK}={child.mark}".encode()
    world = _pid_namespace("self")
    for entry in os.scandir("/proc"):
        found = _stat(int(entry.name)) if entry.name.isdigit() else None
        # A container on this machine may have the same directory, and children of its own in it.
        if found is not None and _pid_namespace(entry.name) != world:
            continue
        # What a child starts itself may inherit the mark; only the child leads its session.
        if found is None or found.session != int(entry.name) or found.state in "ZX":
            continue
        if wanted in _environment(int(entry.name)):
            return Process(child.name, int(entry.name), found.started, _boot_id())
    return None


def _pid_namespace(pid: str) -> str | None:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return None


def _environment(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        for _ in range(20):
            content = Path(f"/proc/{pid}/environ").read_bytes()
            if content:
                return content.split(b"\0")
            time.sleep(0.001)  # empty for a moment in the middle of an exec
    return []


@dataclass(frozen=True, slots=True)
class _Stat:
    state: str
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses, which may hold anything, spaces and ")" included.
    fields = text.rpartition(")")[2].split()
    return _Stat(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _resident(session: int) -> int:
    """Resident bytes of a whole session: a child may be two processes, one that keeps the other."""
    total = 0
    for entry in os.scandir("/proc"):
        found = _stat(int(entry.name)) if entry.name.isdigit() else None
        if found is not None and found.session == session:
            with contextlib.suppress(OSError):
                total += int(Path(entry.path, "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total
