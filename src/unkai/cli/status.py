"""`unkai status`: is every part answering?"""

import json
from pathlib import Path
from typing import Any

import click

from unkai.cli.embedded.place import Place, default_directory


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), help="The cloud's directory.")
@click.option("--port", type=int, default=5000, show_default=True, help="Port of the public APIs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(directory: Path | None, port: int, as_json: bool) -> None:
    """Say whether every part answers: processes, public APIs, hosts, flows. Exit status 0 only when all do."""
    place = Place(directory or default_directory(), port)
    found = collect(place)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if not found["healthy"]:
        raise SystemExit(1)


def collect(place: Place) -> dict[str, Any]:
    """Everything `status` knows: processes, whether the APIs answer, hosts and unfinished flows."""
    from unkai.cli import simulate
    from unkai.cli.embedded import parts
    from unkai.kernel import children

    rows = [children.status(simulate.process(place, 0))] if place.simulated else parts.status(place)
    processes = [
        {"name": row.name, "state": row.state, "pid": row.pid, "memory_mib": round(row.memory / 2**20, 1)}
        for row in rows
    ]
    api = _ask_api(place)
    hosts = api.get("hosts", [])
    healthy = (
        bool(processes)
        and all(row["state"] == "running" for row in processes)
        and api["answers"]
        and bool(hosts)
        and all(host["up"] for host in hosts)
    )
    return {"healthy": healthy, "processes": processes, **api}


def _ask_api(place: Place) -> dict[str, Any]:
    import httpx2

    from unkai.cli.embedded.api import Api, ApiError

    try:
        with Api.of(place) as api:
            return {"answers": True, **api.overview()}
    except (httpx2.HTTPError, ApiError, OSError) as error:
        return {"answers": False, "error": f"{type(error).__name__}: {error}"}


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("process", "state", "pid", "memory MiB")
    for row in found["processes"]:
        table.add_row(row["name"], row["state"], str(row["pid"] or ""), str(row["memory_mib"] or ""))
    console.print(table)
    if not found["answers"]:
        console.print(f"the APIs do not answer: {found['error']}", style="red")
        return
    for host in found["hosts"]:
        console.print(f"host {host['host']}: {'up' if host['up'] else 'DOWN'}, {host['status']}")
    console.print(
        f"servers: {found['servers']}, unfinished flows: {found['flows']}, changes not yet in OVN: {found['pending']}"
    )
    console.print("healthy" if found["healthy"] else "NOT healthy")
