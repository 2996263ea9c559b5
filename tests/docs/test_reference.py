"""docs/reference says what the code does: every setting, error code, verb, policy and route."""

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference() -> Any:
    module = load(ROOT / "scripts" / "reference.py")
    module.import_everything()
    return module


@pytest.mark.parametrize("page", ["settings.md", "errors.md", "cli.md", "policies.md", "routes.md"])
def test_the_page_is_what_the_code_says(reference: Any, page: str) -> None:
    path = reference.PAGES / page
    assert path.exists(), "run ./run reference"
    assert path.read_text(encoding="utf-8") == reference.BUILDERS[page](), "run ./run reference"


def test_no_page_is_left_over(reference: Any) -> None:
    assert {path.name for path in reference.PAGES.iterdir()} == set(reference.BUILDERS)


def test_every_setting_says_what_it_means(reference: Any) -> None:
    for group in reference.settings.groups():
        for field in dataclasses.fields(group):
            help_text = field.metadata.get("help", "")
            assert help_text.rstrip().endswith((".", ")")) or " " in help_text, f"[{group.group_name}] {field.name}"


def test_an_option_has_one_type(reference: Any) -> None:
    """The control plane and a host may both read an option (and have another default): never as another type."""
    types: dict[tuple[str, str], set[str]] = {}
    for group in reference.settings.groups():
        for name, kind in get_type_hints(group).items():
            if name in group.__dataclass_fields__:
                types.setdefault((group.group_name, name), set()).add(str(kind))
    assert {name: kinds for name, kinds in types.items() if len(kinds) > 1} == {}


def test_every_error_says_what_happened_and_what_to_do(reference: Any) -> None:
    for kind in reference.errors.catalogue():
        assert kind.text, kind
        assert kind.remedy, kind
        assert kind.title, kind
        assert 400 <= kind.status <= 599 or kind.status == 300, kind


def test_every_verb_and_option_has_help(reference: Any) -> None:
    for name, command in reference.commands(reference.cli(), "unkai"):
        assert command.help, f"{name} has no help"
        for parameter in command.params:
            if isinstance(parameter, reference.click.Option):
                assert parameter.help, f"{name} {parameter.opts[0]} has no help"


def test_every_policy_says_what_it_permits(reference: Any) -> None:
    for room in reference.rooms():
        names = [rule.name for rule in room.policies]
        assert len(names) == len(set(names)), f"{room.name} declares a rule twice"
        assert [rule.name for rule in room.policies if not rule.description] == []


def test_every_route_says_what_it_does(reference: Any) -> None:
    silent = [
        f"{room.name}: {route.method} {route.path} ({route.handler})"
        for room in reference.rooms()
        for route in room.routes
        if not reference.handler_doc(route.handler)
    ]
    assert not silent, "handlers with neither a docstring nor a name that says something:\n" + "\n".join(silent)
