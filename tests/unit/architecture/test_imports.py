"""Every import in src/unkai, read from the syntax trees, against the rules of rules.py."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.architecture import rules
from unit.architecture.rules import Import

SOURCE = Path(__file__).resolve().parents[3] / "src" / rules.PACKAGE


def module_name(path: Path) -> str:
    """Dotted, without the package: "compute.api.servers"; "" for the package itself."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(dotted: str) -> bool:
    """Is this dotted name (with the package) a module of ours, and not a name inside one?"""
    path = SOURCE.parent.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def imports_of(text: str, name: str, is_package: bool) -> Iterator[Import]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                own = [rules.PACKAGE, *filter(None, name.split("."))]
                keep = len(own) - node.level + (1 if is_package else 0)
                base = ".".join([*own[:keep], *([base] if base else [])])
            for alias in node.names:
                # `from unkai.compute import service` names a module, `... .service import Server` a type
                whole = f"{base}.{alias.name}"
                yield Import(name, whole if is_module(whole) else base, node.lineno)


def all_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", all_files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_follow_the_rules(path: Path) -> None:
    found = imports_of(path.read_text(), module_name(path), path.name == "__init__.py")
    complaints = [
        f"line {one.line}: imports {one.target}: {why}" for one in found if (why := rules.complaint(one))
    ]
    assert not complaints, "\n".join([str(path), *complaints])


def test_what_a_host_uses_of_the_kernel_uses_nothing_else_of_it() -> None:
    """Otherwise the web application and the database would come to the host through the back door."""
    leaves = {f"{rules.PACKAGE}.kernel.{leaf}" for leaf in rules.NODE_MAY_USE_OF_KERNEL}
    for path in all_files():
        name = module_name(path)
        if ".".join([rules.PACKAGE, *name.split(".")[:2]]) in leaves:
            targets = {one.target for one in imports_of(path.read_text(), name, path.name == "__init__.py")}
            kernel = {target for target in targets if target.startswith(f"{rules.PACKAGE}.kernel")}
            strangers = {target for target in kernel if ".".join(target.split(".")[:3]) not in leaves}
            assert not strangers, f"{path} imports {sorted(strangers)}"


def test_every_folder_is_a_known_part() -> None:
    """A new room is put into the order on purpose, in rules.py and in pyproject.toml."""
    known = {*rules.ROOMS, "cli", "contracts", "kernel", "migrations", "node", "dashboard", "director"}
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= known


@pytest.mark.parametrize(
    ("source", "target", "good"),
    [
        ("compute.service", "unkai.network.service", True),
        ("compute.flows.create", "unkai.scheduler.service.place", True),
        ("compute.service", "unkai.network.store", False),
        ("compute.service", "unkai.network", False),
        ("network.service", "unkai.compute.service", False),
        ("compute.service", "unkai.kernel.store", True),
        ("kernel.web", "unkai.identity.service", False),
        ("kernel.web", "unkai.contracts.guest", False),
        ("contracts.guest", "unkai.kernel.ids", False),
        ("node.agent", "unkai.contracts.steps", True),
        ("node.agent", "unkai.kernel.log", True),
        ("node.agent", "unkai.kernel.store", False),
        ("node.agent", "unkai.kernel", False),
        ("node.agent", "unkai.compute.service", False),
        ("cloud", "unkai.compute.room", True),
        ("cloud", "unkai.compute.store", False),
        ("cloud", "unkai.node.simulated", True),
        ("compute.service", "unkai.node.simulated", False),
        ("compute.service", "unkai.cloud", False),
        ("cli.up", "unkai.cloud", True),
        ("migrations.env", "unkai.cloud", True),
        ("migrations.env", "unkai.compute.store", False),
        ("cloud", "unkai.migrations", False),
        ("compute.store", "sqlalchemy", True),
        ("compute.store.servers", "sqlalchemy", True),
        ("compute.service", "sqlalchemy", False),
        ("image.api.images", "falcon", True),
        ("image.service", "falcon", False),
        ("node.libvirt.driver", "libvirt", True),
        ("compute.service", "libvirt", False),
        ("compute.service", "json", True),
    ],
)
def test_the_rules_themselves(source: str, target: str, good: bool) -> None:
    assert (rules.complaint(Import(source, target, 1)) is None) is good


@pytest.mark.parametrize(
    ("text", "name", "is_package", "target"),
    [
        ("from unkai.kernel import store", "compute.service", False, "unkai.kernel.store"),
        ("from unkai.kernel.store import Transaction", "compute.service", False, "unkai.kernel.store"),
        ("from . import store", "kernel.policy", False, "unkai.kernel.store"),
        ("from .store import Transaction", "kernel.policy", False, "unkai.kernel.store"),
        ("from .store import Transaction", "kernel", True, "unkai.kernel.store"),
        ("if True:\n    def f():\n        import sqlalchemy.exc", "compute.service", False, "sqlalchemy.exc"),
    ],
)
def test_reading_imports(text: str, name: str, is_package: bool, target: str) -> None:
    assert [one.target for one in imports_of(text, name, is_package)] == [target]


def test_the_linter_knows_the_same_order() -> None:
    """pyproject.toml repeats the order for import-linter, which also sees what is imported indirectly."""
    settings = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())
    (layers,) = (c["layers"] for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    names = [layer.strip("()") for layer in layers]
    assert names[:4] == ["cli", "migrations", "cloud", "front"]
    assert names[4:-1] == list(rules.ROOMS)
