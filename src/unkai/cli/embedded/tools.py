"""Talking to the machine: running its tools (ip, nft, ovs-vsctl, ...) without a shell, asking its sockets."""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["HostError", "answers", "run"]


class HostError(Exception):
    """The machine refused something the embedded cloud needs. The text says what and why."""


def run(
    argv: Sequence[str],
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> str:
    """The standard output of a tool. Raises HostError if it is missing, fails or takes over `timeout` seconds."""
    try:
        done = subprocess.run(argv, input=stdin, env=env, timeout=timeout, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise HostError(f"{argv[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise HostError(f"{argv[0]} did not finish in {timeout:g} s: {' '.join(argv)}") from None
    if done.returncode != 0:
        raise HostError(f"{' '.join(argv)}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def answers(path: Path) -> bool:
    """Whether somebody accepts connections on this unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
