"""Clouds of the benchmarks' own: in a scratch folder, on a port of their own, gone afterwards."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from api import Api

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cloud:
    """`simulate` hosts, or real guests when it is None."""

    directory: Path
    port: int
    simulate: int | None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _unkai(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command as `./run` starts it. RuntimeError with what it said when it fails."""
        environment = os.environ | {"XDG_CONFIG_HOME": str(self.directory.with_suffix(".config"))}
        command = [sys.executable, "-m", "unkai.cli.main", *arguments, "--directory", str(self.directory)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"unkai {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done

    def up(self) -> None:
        hosts = [] if self.simulate is None else ["--simulate", str(self.simulate)]
        self._unkai("up", "--port", str(self.port), *hosts)

    def down(self, *, forget: bool = False) -> None:
        self._unkai("down", *(["--forget"] if forget else []))

    def control_plane(self) -> int:
        """The pid of the process that serves the APIs. RuntimeError: it does not run."""
        for record in (self.directory / "children").glob("*.pid"):
            pid = json.loads(record.read_text())["pid"]
            if record.stem in ("control-plane", "simulated-cloud") and Path(f"/proc/{pid}").exists():
                return int(pid)
        raise RuntimeError("no control plane runs")

    def api(self, user: str = "admin") -> Api:
        """As "admin" or "demo", each in the project of its name."""
        passwords = json.loads((self.directory / "credentials.json").read_text())
        return Api(f"{self.endpoint}/identity/v3", user, passwords[f"{user}_password"], user)


@contextlib.contextmanager
def scratch(folder: Path, simulate: int | None) -> Iterator[Cloud]:
    """A cloud with nothing in it yet, not started; on leaving it is stopped and forgotten."""
    cloud = Cloud(folder / ("real" if simulate is None else f"simulated-{simulate}"), free_port(), simulate)
    try:
        yield cloud
    finally:
        with contextlib.suppress(RuntimeError):
            cloud.down(forget=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FirstAnswer:
    """Asks an address all the time from a thread; `at` is when it answered first (time.clock_gettime(BOOTTIME))."""

    def __init__(self, url: str) -> None:
        self.at: float | None = None
        self._stop = threading.Event()
        self._url = url
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "FirstAnswer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx2.Client(timeout=1.0) as client:
            while not self._stop.is_set() and self.at is None:
                with contextlib.suppress(httpx2.HTTPError):
                    if client.get(self._url).status_code < 500:
                        self.at = time.clock_gettime(time.CLOCK_BOOTTIME)
                        return
                time.sleep(0.005)


def started_at(pid: int) -> float:
    """When a process began, on the clock of FirstAnswer; good to a hundredth of a second."""
    return int(_stat(pid)[19]) / TICKS


def cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory(pid: int) -> dict[str, float]:
    """Resident and proportional memory in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in text.splitlines()[1:]}
    return {"rss": found["Rss"], "pss": found["Pss"]}
