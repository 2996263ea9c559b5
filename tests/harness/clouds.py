"""Clouds that tests start: the whole thing, through the same command that people use."""

import configparser
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openstack
from openstack.connection import Connection

ROOT = Path(__file__).resolve().parents[2]
PORT = 5000


class Failed(AssertionError):
    """A command of the cloud failed; the message is what it said."""


@dataclass(frozen=True)
class Cloud:
    """An embedded cloud in `directory`; clouds.yaml lies in `config`/openstack."""

    directory: Path
    config: Path
    source: str
    port: int = PORT

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {
            "XDG_CONFIG_HOME": str(self.config),
            "OS_CLIENT_CONFIG_FILE": str(self.config / "openstack" / "clouds.yaml"),
            "PYTHONPATH": self.source,
            "UNKAI_CLONE": str(ROOT),
        }

    def unkai(self, *arguments: str, check: bool = True, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """The `unkai` command. Failed when it fails, unless `check` is false."""
        return call([sys.executable, "-m", "unkai.cli.main", *arguments], self.environment, check, seconds)

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.unkai("up", "--directory", str(self.directory), "--port", str(self.port), *arguments)

    def down(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.unkai("down", "--directory", str(self.directory), *arguments)

    def status(self) -> dict[str, Any]:
        """What `unkai status` knows; also when it is not healthy."""
        place = ("--directory", str(self.directory), "--port", str(self.port))
        found = self.unkai("status", *place, "--json", check=False)
        content = json.loads(found.stdout)
        assert isinstance(content, dict)
        return content

    def pid(self, name: str) -> int:
        """The process of one part ("control-plane", "agent", "libvirtd"). LookupError: it does not run."""
        for process in self.status()["processes"]:
            if process["name"] == name and process["pid"]:
                return int(process["pid"])
        raise LookupError(f"{name} does not run")

    def troubles(self, lines: int = 30) -> str:
        """What the cloud's processes said last that was more than information."""
        text = []
        for log in sorted((self.directory / "children").glob("*.log")):
            said = [line for line in log.read_text(errors="replace").splitlines() if " level=info " not in f"{line} "]
            text += [f"--- {log.name}", *said[-lines:]]
        return "\n".join(text)

    def connect(self, cloud: str = "unkai-demo") -> Connection:
        """openstacksdk, unmodified, with the credentials that the cloud wrote."""
        with self._client_config():
            return openstack.connect(cloud=cloud)

    def openstack(self, *arguments: str, cloud: str = "unkai-demo", check: bool = True) -> str:
        """The unmodified `openstack` command; returns what it printed."""
        command = [str(Path(sys.executable).parent / "openstack"), "--os-cloud", cloud, *arguments]
        return call(command, self.environment, check, 600).stdout

    def option(self, group: str, name: str) -> str:
        """An option of the configuration that the cloud wrote for itself."""
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(self.directory / "unkai.conf")
        return parser[group][name]

    @contextlib.contextmanager
    def _client_config(self) -> Iterator[None]:
        name = "OS_CLIENT_CONFIG_FILE"
        before = os.environ.get(name)
        os.environ[name] = self.environment[name]
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def call(
    command: list[str], environment: dict[str, str], check: bool, seconds: float
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd="/",
    )
    if check and done.returncode:
        raise Failed(f"{' '.join(command[-6:])}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def scratch() -> Iterator[Cloud]:
    """A cloud that has not been started yet; it is stopped and forgotten on leaving."""
    folder = Path(tempfile.mkdtemp(prefix="unkai-cloud-", dir="/var/lib" if os.geteuid() == 0 else None))
    folder.chmod(0o755)  # the control plane's user passes through
    source = subprocess.check_output([str(ROOT / "scripts/source")], text=True).strip()
    cloud = Cloud(folder / "cloud", folder / "config", source)
    try:
        yield cloud
    finally:
        with contextlib.suppress(Failed, subprocess.TimeoutExpired):
            cloud.down("--forget")
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(what: str, found: Callable[[], Any], seconds: float, pause: float = 0.2) -> Any:
    """Ask until the answer is true, and return it. AssertionError naming `what` when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(pause)
