"""`unkai node`: the agent of a hypervisor host."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from unkai.cli.config import config_option, load
from unkai.kernel import log


@click.command()
@config_option
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    default=Path("/var/lib/unkai/cloud/control/run/node.sock"),
    show_default=True,
    help="The control plane's node channel.",
)
@click.option(
    "--driver", type=click.Choice(["libvirt", "simulated"]), default="libvirt", show_default=True, help="Hypervisor."
)
def node(
    config_files: Sequence[Path], state: Path | None, socket: Path, driver: Literal["libvirt", "simulated"]
) -> None:
    """Run the agent of this hypervisor host. It needs root, and no access to the cloud's database."""
    from unkai.node import main

    log.configure()
    try:
        main.run(load(config_files, state, whole=False), socket, driver)
    except (main.AgentRunning, ValueError) as error:
        raise click.ClickException(str(error)) from error
