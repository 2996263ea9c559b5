"""Configuration files of the command: where they are looked for and how a mistake in them is told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from unkai.kernel import log, settings

_DEFAULT = (Path("/etc/unkai/unkai.conf"), Path("/etc/unkai/conf.d"))


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--config`, repeatable (without it /etc/unkai is read), and `--state`."""
    function = click.option("--state", type=click.Path(path_type=Path), help="Overrides [DEFAULT] state_path.")(
        function
    )
    return click.option(
        "--config",
        "config_files",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        help="Configuration file or folder of *.conf; repeatable, later ones win. nova.conf is read as it is.",
    )(function)


def files(given: Sequence[Path]) -> list[Path]:
    return list(given) or [path for path in _DEFAULT if path.exists()]


def load(given: Sequence[Path], state: Path | None, *, whole: bool = True) -> settings.Settings:
    """Read the files into every group that is imported. Ends the command when one of them cannot be used.

    Unknown options are reported unless this process is only a part of what the files are for (not `whole`).
    """
    overrides = {} if state is None else {("DEFAULT", "state_path"): str(state)}
    try:
        loaded = settings.load(files(given), overrides=overrides)
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from error
    for name in loaded.unknown if whole else ():
        log.get(__name__).warning("unknown option ignored", option=name)
    return loaded


def folder(given: Sequence[Path]) -> Path:
    """Where relative paths of the configuration start (policy files)."""
    found = files(given)
    if not found:
        return Path("/etc/unkai")
    return found[0] if found[0].is_dir() else found[0].parent
