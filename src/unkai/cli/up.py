"""`unkai up`: the embedded cloud, from nothing to an answering API with an image to boot."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import click

from unkai.cli.embedded.place import Place, default_directory

_HOST_SECONDS = 60.0
_IMAGES = {"tiny": ("cirros", "tiny.qcow2"), "debian": ("debian-12", "debian.qcow2")}


@click.command()
@click.option("--simulate", type=click.IntRange(1, 20000), metavar="N", help="N simulated hosts, no root, no QEMU.")
@click.option("--directory", type=click.Path(path_type=Path), help="The cloud's directory.")
@click.option("--port", type=int, default=5000, show_default=True, help="Port of the public APIs.")
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Choice(list(_IMAGES)),
    default=("tiny",),
    show_default=True,
    help="Guest images to have; built from Debian packages when missing.",
)
def up(simulate: int | None, directory: Path | None, port: int, images: tuple[str, ...]) -> None:
    """Start the cloud on this machine, or make sure that it runs."""
    place = Place(directory or default_directory(), port)
    say = _Clock()
    if simulate is not None:
        from unkai.cli.simulate import start

        start(place, simulate, say)
    else:
        if os.geteuid() != 0:
            raise click.ClickException("a cloud with real guests needs root; `unkai up --simulate 5` does not")
        _start(place, images, say)
    _tell_clients(place, say)
    say(f"the cloud is up: {place.endpoint}")
    click.echo(
        "\n  openstack --os-cloud unkai-demo server create --image cirros --flavor m1.tiny --network private vm1\n"
    )


class _Clock:
    """Progress lines with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        click.echo(f"[{time.monotonic() - self._began:6.1f} s] {what}")


def _start(place: Place, images: tuple[str, ...], say: Callable[[str], None]) -> None:
    from unkai.cli.embedded import credentials, parts
    from unkai.cli.embedded.tools import HostError
    from unkai.kernel import children
    from unkai.kernel.children import ChildError, Supervisor

    try:
        if children.adopt(parts.supervisor_child(place)) is not None:
            say("the supervisor runs already")
        supervisor = Supervisor()
        try:
            running = parts.start_host(place, supervisor, say)
            parts.write_config(place, running)
            secrets = credentials.ensure(place.directory / "credentials.json")
            if children.adopt(parts.control_plane(place)) is None:
                say("database")
                parts.bootstrap(place, secrets)
            parts.start_cloud(place, supervisor, say)
        finally:
            supervisor.release()
        children.start(parts.supervisor_child(place))
        _await_host(place)
        _have_images(place, images, say)
    except (HostError, ChildError) as error:
        raise click.ClickException(str(error)) from error


def _await_host(place: Place) -> None:
    """Until the agent's host has registered there is nowhere to put a server: the cloud is not up before."""
    from unkai.cli.embedded.api import Api

    end = time.monotonic() + _HOST_SECONDS
    with Api.of(place) as api:
        while not any(host["up"] for host in api.overview()["hosts"]):
            if time.monotonic() > end:
                raise click.ClickException(f"the host has not registered: see {place.children / 'agent.log'}")
            time.sleep(0.1)


def _have_images(place: Place, wanted: tuple[str, ...], say: Callable[[str], None]) -> None:
    from unkai.cli.embedded.api import Api

    clone = os.environ.get("UNKAI_CLONE")
    cache = Path("/var/lib/unkai/guests")
    with Api.of(place) as api:
        for kind in wanted:
            name, file = _IMAGES[kind]
            path = cache / file
            if not path.exists():
                if clone is None:
                    say(f"image {name}: no {path} and no clone to build it from; upload one yourself")
                    continue
                say(f"image {name}: building from Debian packages")
                subprocess.run([f"{clone}/guests/build", kind, str(cache)], check=True, stdin=subprocess.DEVNULL)
            if api.ensure_image(name, path, "qcow2", hw_qemu_guest_agent="yes", os_distro="debian", os_type="linux"):
                say(f"image {name}: registered")


def _tell_clients(place: Place, say: Callable[[str], None]) -> None:
    from unkai.cli.embedded import credentials

    secrets = credentials.read(place.directory / "credentials.json")
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "openstack"
    try:
        credentials.write_clouds(folder / "clouds.yaml", place.endpoint, secrets)
        say(f"clients: {folder / 'clouds.yaml'} (unkai-admin, unkai-demo)")
    except ValueError as error:
        say(f"clients: {error}; it was left alone")
    credentials.write_openrc(place.directory / "openrc", place.endpoint, secrets)
