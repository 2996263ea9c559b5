"""A PostgreSQL server of the tests' own: a scratch folder, a unix socket, no network, gone with the tests."""

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from harness import machine

START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Server:
    socket_folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """The SQLAlchemy address of a new, empty database."""
        name = f"unkai_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(host=str(self.socket_folder), user="unkai", dbname="postgres", autocommit=True) as link:
            link.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql+psycopg://unkai@/{name}?host={self.socket_folder}"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Start a server; end it and remove its folder on leaving. RuntimeError, with its log, if it fails."""
    programs = machine.postgres_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL's server programs are not installed")
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="unkai-pg-"))  # short: a socket's path has 107 bytes at most
    log = folder / "log"
    try:
        if user:
            shutil.chown(folder, user, user)
        _run(
            [
                programs / "initdb",
                "-D",
                folder / "data",
                "-U",
                "unkai",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
            ],
            user,
        )
        server = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                folder / "data",
                "-k",
                folder,
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
            ],
            user=user,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  one system call, no lock
        )
        try:
            _wait(folder, server, log)
            yield Server(folder)
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown: open connections are ended
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _die_with_parent() -> None:
    """A killed test run must leave no server. Runs after the change of user, which would clear it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(command, check=False, user=user, cwd="/", capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}")


def _wait(folder: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host=str(folder), user="unkai", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
