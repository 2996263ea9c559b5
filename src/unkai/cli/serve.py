"""`unkai serve`: one control-plane process."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from unkai import cloud
from unkai.cli.config import config_option, folder, load
from unkai.kernel import log
from unkai.kernel.settings import Settings
from unkai.kernel.web.listener import tcp, unix

_log = log.get(__name__)


@click.command()
@config_option
@click.option("--only", help="Comma separated rooms that this process serves; all without it.")
@click.option("--simulate", type=click.IntRange(1, 20000), help="Run that many simulated hosts in this process.")
def serve(config_files: Sequence[Path], state: Path | None, only: str | None, simulate: int | None) -> None:
    """Run a control-plane process: the public APIs, the node channel, flows and background tasks.

    Any number of them may run on one PostgreSQL; on SQLite it is one.
    """
    rooms = _rooms(only)
    cloud.modules(rooms)
    settings = load(config_files, state, whole=only is None)
    options = settings[cloud.CloudOptions]
    log.configure(debug=options.debug, json=options.log_json)
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(settings, rooms, folder(config_files), simulate))


def _rooms(only: str | None) -> tuple[str, ...]:
    if only is None:
        return cloud.ROOMS
    wanted = {name.strip() for name in only.split(",")}
    unknown = wanted - set(cloud.ROOMS)
    if unknown:
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: the rooms are {', '.join(cloud.ROOMS)}")
    return tuple(name for name in cloud.ROOMS if name in wanted)


async def _serve(settings: Settings, rooms: Sequence[str], config_dir: Path, simulate: int | None) -> None:
    house = cloud.build(settings, only=rooms, config_dir=config_dir)
    options = settings[cloud.ServeOptions]
    listeners = [tcp(house.public, options.bind_host, options.bind_port)]
    if "nodes" in rooms:
        listeners.append(unix(house.channel, cloud.node_socket(settings)))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    work = [asyncio.create_task(house.run())]
    if simulate is not None:
        from unkai.cli.simulate import run_hosts

        work.append(asyncio.create_task(run_hosts(house, settings, simulate)))
    for listener in listeners:
        await listener.begin()
    # What was imported and built stays: keep the collector from walking it again and again.
    gc.collect()
    gc.freeze()
    _log.info("serving", host=options.bind_host, port=options.bind_port, rooms=",".join(rooms))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped, *work], return_when=asyncio.FIRST_COMPLETED)
    for listener in listeners:
        await listener.stop()
    for task in work:
        task.cancel()
    ended = await asyncio.gather(*work, return_exceptions=True)
    house.kit.db.close()
    failures = [error for error in ended if isinstance(error, Exception)]
    if failures:
        _log.error("control plane ended by a failure", exc_info=failures[0])
        raise SystemExit(1)
