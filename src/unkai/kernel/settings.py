"""Typed settings with upstream's groups and option names, read from one file plus drop-ins, passed and never global.

A room declares its options as a `Group`:

    class FilterScheduler(Group, name="filter_scheduler"):
        enabled_filters: list[str] = option([...], "Filters in order. SCHED-002")

and reads them as `settings[FilterScheduler].enabled_filters`. Several groups may
share one name (rooms that all have options in [DEFAULT]). An operator's nova.conf
or glance-api.conf is read as it is: unknown options are reported, not refused.
"""

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from oslo_config import iniparser


class SettingsError(Exception):
    """A configuration file that cannot be used; the message names file, group, option and reason."""


def option(default: Any, help: str, *, secret: bool = False) -> Any:
    """Declare an option: its default, one sentence for the reference, and whether it must never be shown."""
    meta = {"help": help, "secret": secret}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=meta)
    return dataclasses.field(default=default, metadata=meta)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(option,))
class Group:
    """Base of a group of options. Subclasses become frozen dataclasses."""

    group_name: ClassVar[str]

    def __init_subclass__(cls, *, name: str) -> None:
        cls.group_name = name
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)


G = TypeVar("G", bound=Group)


class Settings:
    """Values by group class."""

    def __init__(self, values: Mapping[type[Group], Group], unknown: Iterable[str] = ()) -> None:
        self._values = dict(values)
        self.unknown = tuple(unknown)

    def __getitem__(self, group: type[G]) -> G:
        value = self._values.get(group)
        if value is None:
            value = self._values[group] = group()
        assert isinstance(value, group)
        return value

    def value(self, group: str, name: str) -> Any:
        """An option that another part of the house declares, by its name in the file. Raises KeyError."""
        for kind in groups():
            if kind.group_name == group and any(field.name == name for field in dataclasses.fields(kind)):  # type: ignore[arg-type,unused-ignore]
                return getattr(self[kind], name)
        raise KeyError(f"[{group}] {name}")


def defaults(*overrides: Group) -> Settings:
    """Settings without a file; `overrides` are whole groups (tests, simulated clouds)."""
    return Settings({type(group): group for group in overrides})


def groups() -> list[type[Group]]:
    """Every group class that is imported, by name."""
    found: list[type[Group]] = []
    pending = list(Group.__subclasses__())
    while pending:
        kind = pending.pop()
        found.append(kind)
        pending.extend(kind.__subclasses__())
    return sorted(found, key=lambda kind: (kind.group_name, kind.__module__, kind.__qualname__))


class _Collector(iniparser.BaseParser):
    """Keeps repeated keys as lists: nova.conf uses them (passthrough_whitelist, pci alias...)."""

    def __init__(self) -> None:
        super().__init__()
        self.section = "DEFAULT"
        self.values: dict[tuple[str, str], list[str]] = {}

    def new_section(self, section: str) -> None:
        self.section = section

    def assignment(self, key: str, value: list[str]) -> None:
        self.values.setdefault((self.section, key.replace("-", "_")), []).append("\n".join(value))


def read(paths: Iterable[Path]) -> dict[tuple[str, str], list[str]]:
    """The raw values of configuration files; a later file replaces what an earlier one set.

    A folder stands for its *.conf files in order of their names. Raises SettingsError.
    """
    merged: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        files = sorted(path.glob("*.conf")) if path.is_dir() else [path]
        for file in files:
            collector = _Collector()
            try:
                with file.open(encoding="utf-8") as lines:
                    collector.parse(lines)
            except (OSError, iniparser.ParseError, UnicodeDecodeError) as error:
                raise SettingsError(f"{file}: {error}") from error
            merged.update(collector.values)
    return merged


def load(
    paths: Iterable[Path],
    known: Iterable[type[Group]] | None = None,
    overrides: Mapping[tuple[str, str], str] | None = None,
) -> Settings:
    """Read files into the known groups. Options nobody declared are listed in `Settings.unknown`.

    `overrides` (of the command line, by group and option) win over the files.

    Raises SettingsError naming group and option when a value does not fit its type.
    """
    raw = read(paths)
    raw.update({key: [text] for key, text in (overrides or {}).items()})
    values: dict[type[Group], Group] = {}
    used: set[tuple[str, str]] = set()
    for kind in known if known is not None else groups():
        hints = get_type_hints(kind)
        chosen: dict[str, Any] = {}
        for field in dataclasses.fields(kind):  # type: ignore[arg-type,unused-ignore]
            key = (kind.group_name, field.name)
            if key in raw:
                used.add(key)
                try:
                    chosen[field.name] = convert(raw[key], hints[field.name])
                except ValueError as error:
                    raise SettingsError(f"[{key[0]}] {key[1]}: {error}") from error
        values[kind] = kind(**chosen)
    unknown = [f"[{group}] {name}" for group, name in raw if (group, name) not in used]
    return Settings(values, unknown)


_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def _to_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is not a boolean")


_SCALARS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float, bool: _to_bool, Path: Path}


def convert(texts: list[str], hint: Any) -> Any:
    """One option's texts as the type it was declared with: scalars, lists (comma separated or repeated),
    dictionaries (key:value pairs), optional values. Raises ValueError."""
    origin = get_origin(hint)
    if origin in (types.UnionType, Union):
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        return None if texts[-1].strip() in ("", "None") else convert(texts, inner[0])
    if origin is list:
        (item,) = get_args(hint)
        parts = [part.strip() for text in texts for part in text.split(",")] if item is not dict else texts
        return [convert([part], item) for part in parts if part]
    if origin is dict:
        _, item = get_args(hint)
        pairs = [part.partition(":") for text in texts for part in text.split(",") if part.strip()]
        if any(not colon for _, colon, _ in pairs):
            raise ValueError("expected key:value pairs")
        return {key.strip(): convert([value.strip()], item) for key, _, value in pairs}
    if hint in _SCALARS:
        return _SCALARS[hint](texts[-1])
    if origin is not None and str(origin) == "typing.Literal":
        if texts[-1] not in get_args(hint):
            raise ValueError(f"{texts[-1]!r} is not one of {', '.join(map(str, get_args(hint)))}")
        return texts[-1]
    raise ValueError(f"options of type {hint} cannot be read from a file")
