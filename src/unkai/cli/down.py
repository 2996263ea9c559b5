"""`unkai down`: stop an embedded cloud."""

import shutil
from pathlib import Path

import click

from unkai.cli import simulate
from unkai.cli.embedded import guests, parts
from unkai.cli.embedded.place import Place, default_directory
from unkai.kernel import children


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), help="The cloud's directory.")
@click.option("--forget", is_flag=True, help="Delete everything the cloud holds, too.")
def down(directory: Path | None, forget: bool) -> None:
    """Stop the cloud: guests are shut down (start them again after the next `up`), everything it holds stays."""
    place = Place(directory or default_directory())
    if not place.directory.exists():
        click.echo("there is no cloud here")
        return
    if place.simulated:
        children.stop(simulate.process(place, 0))
    else:
        _stop(place)
    if forget:
        shutil.rmtree(place.directory)
        click.echo("everything the cloud held is deleted")


def _stop(place: Place) -> None:
    """Whoever restarts goes first, then who gives orders to guests, then the guests, then what carries them."""
    children.stop(parts.supervisor_child(place))
    children.stop(parts.agent(place))
    guests.shut_down(place, click.echo)
    parts.stop(place, click.echo)
