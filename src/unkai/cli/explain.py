"""`unkai explain SERVER`: the stored document behind each scheduling decision of a server."""

import json
from pathlib import Path
from typing import Any

import click

from unkai.cli.embedded.place import Place, default_directory


@click.command()
@click.argument("server")
@click.option("--directory", type=click.Path(path_type=Path), help="The cloud's directory.")
@click.option("--port", type=int, default=5000, show_default=True, help="Port of the public APIs.")
@click.option("--json", "as_json", is_flag=True, help="Print the documents as they are.")
def explain(server: str, directory: Path | None, port: int, as_json: bool) -> None:
    """Say why SERVER (its id or name) is where it is, or nowhere: each host, the rule that refused it, and numbers."""
    import httpx2

    from unkai.cli.embedded.api import Api, ApiError

    try:
        with Api.of(Place(directory or default_directory(), port)) as api:
            found = _find(api, server)
            documents = api.call("GET", f"/unkai/v1/explanations?server_id={found['id']}")["explanations"]
    except (httpx2.HTTPError, ApiError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    click.echo(f"server {found['name']} ({found['id']})")
    if not documents:
        click.echo("no scheduling decision is kept for it")
    for document in documents:
        _print(document)


def _find(api: Any, server: str) -> dict[str, Any]:
    """By id, else by name in all projects, the newest first; deleted ones too."""
    for deleted in ("", "&deleted=true"):
        servers = api.call("GET", f"/compute/v2.1/servers?all_tenants=1{deleted}")["servers"]
        for row in servers:
            if server in (row["id"], row["name"]):
                found: dict[str, Any] = row
                return found
    raise click.ClickException(f"no server {server}")


def _print(document: dict[str, Any]) -> None:
    outcome = f"placed on {document['host']}" if document["outcome"] == "placed" else document["message"]
    click.echo(f"\n{document['created_at']}  {outcome}")
    for host in document["passed"]:
        click.echo(f"  {host['host']}: accepted, weight {host['weight']:.3f}")
    for host in (*document["lost"], *document["refused"]):
        click.echo(f"  {host['host']}: refused by {host['rule']}: needed {host['needed']}, had {host['had']}")
    if document["omitted"]:
        click.echo(f"  and {document['omitted']} more hosts; refused in all: {document['refused_by']}")
