"""Writes docs/reference from the code: settings, error codes, verbs, policies and routes (`./run reference`).

The pages are what the code says about itself, so that they cannot lie; tests/docs compares them.
"""

import asyncio
import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

import unkai
from unkai.kernel import errors, settings
from unkai.kernel.web.routing import Room, Route

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
SILENT_NAMES = ("", "handler", "handle", "respond", "inner", "wrapper", "<lambda>")
HEAD = "<!-- Written by ./run reference from the code. Change it there. -->\n\n"


def import_everything() -> None:
    """Groups of options and errors are known once their modules are. Raises ImportError."""
    for module in pkgutil.walk_packages(unkai.__path__, "unkai."):
        # Programs, and what only alembic can run, declare nothing.
        if not module.name.endswith("__main__") and not module.name.startswith("unkai.migrations."):
            importlib.import_module(module.name)


@functools.cache
def rooms() -> tuple[Room, ...]:
    """The rooms as a cloud in a scratch folder builds them, and what belongs to no service."""
    from unkai import cloud

    async def assemble() -> list[Room]:
        with tempfile.TemporaryDirectory(prefix="unkai-reference-") as folder:
            values = settings.defaults(cloud.CloudOptions(state_path=Path(folder)))
            cloud.modules()  # their tables
            db = cloud.open_database(values)
            db.create_all()
            db.close()
            built = cloud.build(values, config_dir=Path(folder))
            built.kit.db.close()
            return built.rooms

    return tuple(sorted(asyncio.run(assemble()), key=lambda room: room.prefix))


def intro(title: str, text: str) -> str:
    return f"{HEAD}# {title}\n\n{textwrap.fill(inspect.cleandoc(text), 118)}\n"


def cell(text: object) -> str:
    """Text for one cell of a table: one line, no bar that would end it."""
    return re.sub(r"\s+", " ", str(text)).strip().replace("|", "\\|")


def code(text: object) -> str:
    return f"`{cell(text)}`" if str(text) else ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = ["| " + " | ".join(row) + " |" for row in [names, *rows]]
    lines.insert(1, "|" + "---|" * len(names))
    return "\n".join(line.replace("  |", " |") for line in lines) + "\n"


def first_paragraph(text: str | None) -> str:
    return (inspect.cleandoc(text or "").split("\n\n")[0]).strip()


# --- settings -----------------------------------------------------------------------------------------------------


def type_name(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("none" if one is type(None) else type_name(one) for one in arguments)
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"{type_name(arguments[0])}:{type_name(arguments[1])} pairs"
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    return names.get(hint, str(hint))


def default_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(default_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}:{default_text(one)}" for key, one in value.items())
    return str(value)


def settings_page() -> str:
    text = intro(
        "Settings",
        """One file and its drop-ins, in the form of oslo.config: groups in brackets, `name = value`, lists with
        commas or repeated keys. Groups and names are upstream's wherever upstream has the option.""",
    )
    by_name: dict[str, list[type[settings.Group]]] = {}
    for group in settings.groups():
        by_name.setdefault(group.group_name, []).append(group)
    for name, kinds in by_name.items():
        rows = sorted(row for kind in kinds for row in setting_rows(kind))
        text += f"\n## [{name}]\n\n" + table(("option", "type", "default", "meaning"), rows)
    return text


def setting_rows(kind: type[settings.Group]) -> Iterator[tuple[str, str, str, str]]:
    hints = typing.get_type_hints(kind)
    example = kind()
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        default = "" if field.metadata["secret"] else default_text(getattr(example, field.name))
        yield code(field.name), type_name(hints[field.name]), code(default), cell(field.metadata["help"])


# --- errors -------------------------------------------------------------------------------------------------------


def errors_page() -> str:
    text = intro(
        "Error codes",
        """What a caller can be told. On the wire each service has upstream's own body; the code stands in logs, in
        faults and in the dashboard. Words in braces are filled in.""",
    )
    rows = ((code(kind.code), str(kind.status), cell(kind.text), cell(kind.remedy)) for kind in errors.catalogue())
    return text + "\n" + table(("code", "status", "says", "what to do"), rows)


# --- verbs --------------------------------------------------------------------------------------------------------


def cli() -> click.Command:
    from unkai.cli.main import main

    return main


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Depth first: ("unkai up", command). Groups that load their verbs when asked are asked."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for verb in sorted(command.list_commands(context)):
            child = command.get_command(context, verb)
            assert child is not None, verb
            yield from commands(child, f"{name} {verb}")


def cli_page() -> str:
    text = intro(
        "The `unkai` command",
        "From a clone: `./run unkai VERB`; `up`, `down`, `status` and `doctor` also directly.",
    )
    for name, command in commands(cli(), "unkai"):
        context = click.Context(command, info_name=name)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        text += f"\n## {name}\n\n    {usage}\n\n{inspect.cleandoc(command.help or '')}\n"
        rows = [option_row(one) for one in command.params if not getattr(one, "hidden", False)]
        if rows:
            text += "\n" + table(("argument", "default", "meaning"), rows)
    return text


def option_row(parameter: click.Parameter) -> tuple[str, str, str]:
    if not isinstance(parameter, click.Option):
        return code(parameter.human_readable_name), "", ""
    names = ", ".join(parameter.opts + parameter.secondary_opts)
    if not parameter.is_flag and not parameter.count:
        names += f" {parameter.make_metavar(click.Context(click.Command('unkai')))}"
    shown = parameter.default if isinstance(parameter.default, str | int | float | Path) else ""
    default = "" if isinstance(shown, bool) or parameter.hide_input else code(shown)
    return code(names), default, cell(parameter.help or "")


# --- policies and routes ------------------------------------------------------------------------------------------


def policies_page() -> str:
    text = intro(
        "Policies",
        """Every permission, with its default in oslo.policy's language. Operators override them in policy.yaml; the
        older names in the last column are accepted there too.""",
    )
    for room in rooms():
        if room.policies:
            rows = (
                (
                    code(rule.name),
                    code(rule.check) or "everybody",
                    ", ".join(rule.scopes),
                    cell(rule.description),
                    "<br>".join(code(one) for one in rule.operations),
                    "<br>".join(code(one) for one in rule.legacy),
                )
                for rule in sorted(room.policies, key=lambda rule: rule.name)
            )
            head = ("rule", "default", "scopes", "meaning", "used by", "older names")
            text += f"\n## {room.name}\n\n" + table(head, rows)
    return text


def routes_page() -> str:
    text = intro(
        "Routes",
        """What is answered; everything else is 404 (or 405 for another method). Where a service has microversions, the
        column says in which of them a route exists.""",
    )
    for room in rooms():
        text += f"\n## {room.name}\n\nBelow `{room.prefix or '/'}`."
        if room.versions:
            text += f" Microversions {room.versions.minimum} to {room.versions.maximum} of `{room.versions.service}`."
        rows = (route_row(route) for route in sorted(room.routes, key=lambda route: (route.path, route.method)))
        text += "\n\n" + table(("method", "path", "microversions", "does"), rows)
    return text


def route_row(route: Route) -> tuple[str, str, str, str]:
    versions = ""
    if route.since or route.until:
        versions = f"{route.since or ''} – {route.until or ''}".strip()
    does = handler_doc(route.handler)
    return route.method, code(route.path or "/"), versions, cell(does if route.auth else f"{does} (No token.)")


def handler_doc(handler: Callable[..., Any]) -> str:
    """What a handler says about itself; without a docstring its name speaks ("list_servers"). A partial speaks for
    its function. "" when there is neither."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if handler.__doc__:
        return first_paragraph(handler.__doc__)
    name = getattr(handler, "__name__", "").strip("_")
    return "" if name in SILENT_NAMES else f"{name.replace('_', ' ').capitalize()}."


BUILDERS: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "cli.md": cli_page,
    "policies.md": policies_page,
    "routes.md": routes_page,
}


def main() -> int:
    import_everything()
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, build in BUILDERS.items():
        path, text = PAGES / name, build()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
