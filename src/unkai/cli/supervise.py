"""`unkai supervise`: watches the processes of an embedded cloud and restarts what dies."""

import signal
from pathlib import Path

import click

from unkai.cli.embedded import parts
from unkai.cli.embedded.place import Place
from unkai.kernel import log
from unkai.kernel.children import Supervisor

_log = log.get(__name__)


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), required=True, help="The cloud's directory.")
@click.option("--port", type=int, default=5000, show_default=True, help="Port of the public APIs.")
def supervise(directory: Path, port: int) -> None:
    """Keep the parts of an embedded cloud running. `unkai up` starts this; it adopts what already runs.

    SIGTERM ends the watching and leaves the parts to `unkai down`.
    """
    log.configure()
    ended = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)
    place = Place(directory, port)
    supervisor = Supervisor()
    try:
        parts.start_host(place, supervisor, _say)
        parts.start_cloud(place, supervisor, _say)
        _log.info("all parts run")
        signal.sigwait(ended)
    finally:
        supervisor.release()


def _say(what: str) -> None:
    _log.info("part", part=what)
