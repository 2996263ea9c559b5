"""`unkai db`: the schema and what a new cloud begins with."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from unkai import cloud
from unkai.cli.config import config_option, folder, load


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@config_option
def sync(config_files: Sequence[Path], state: Path | None) -> None:
    """Bring the schema to this release's revision."""
    from unkai import migrations

    cloud.modules()
    database = cloud.open_database(load(config_files, state))
    try:
        click.echo(f"schema at revision {migrations.upgrade(database)}")
    finally:
        database.close()


@db.command()
@config_option
def version(config_files: Sequence[Path], state: Path | None) -> None:
    """Print the database's revision and this release's."""
    from unkai import migrations

    cloud.modules()
    database = cloud.open_database(load(config_files, state))
    try:
        click.echo(f"database: {migrations.current(database) or 'empty'}, release: {migrations.head()}")
    finally:
        database.close()


@db.command()
@config_option
def bootstrap(config_files: Sequence[Path], state: Path | None) -> None:
    """Bring the schema up to date and make what a new cloud begins with; safe to repeat.

    Reads a JSON object with `admin_password`, `demo_password` and `endpoint` from standard input: secrets belong
    neither in arguments nor in the environment.
    """
    from unkai.cli.embedded.beginning import Beginning, begin

    wanted = Beginning.read(sys.stdin.buffer.read())
    cloud.modules()
    settings = load(config_files, state)
    begin(settings, folder(config_files), wanted)
