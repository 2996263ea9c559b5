"""Settings: upstream's files as they are, types, drop-ins, mistakes named."""

from pathlib import Path
from typing import Literal

import pytest

from unkai.kernel.settings import Group, SettingsError, defaults, load, option


class Sched(Group, name="filter_scheduler"):
    enabled_filters: list[str] = option(["A", "B"], "Filters.")
    host_subset_size: int = option(1, "Choose among so many.")
    ram_weight_multiplier: float = option(1.0, "Weight.")


class Odd(Group, name="DEFAULT"):
    debug: bool = option(False, "Debug.")
    ratio: float | None = option(None, "Ratio.")
    state_path: Path = option(Path("/x"), "State.")
    mode: Literal["a", "b"] = option("a", "Mode.")
    machine: dict[str, str] = option({}, "Machines.")
    alias: list[str] = option([], "Repeated.")


KNOWN = (Sched, Odd)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_no_file() -> None:
    settings = defaults()
    assert settings[Sched].enabled_filters == ["A", "B"] and settings[Odd].ratio is None


def test_an_operators_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = write(
        tmp_path / "nova.conf",
        "# comment\n[DEFAULT]\ndebug = True\nratio = 1.5\nmode=b\nalias = one\nalias = two\n"
        "machine = x86_64:q35,aarch64:virt\nmy_unknown_option = 7\n"
        "[filter_scheduler]\nenabled_filters = X,\n  Y\nhost-subset-size = 3\n",
    )
    settings = load([file], KNOWN)
    assert settings[Odd].debug is True and settings[Odd].ratio == 1.5 and settings[Odd].mode == "b"
    assert settings[Odd].alias == ["one", "two"]
    assert settings[Odd].machine == {"x86_64": "q35", "aarch64": "virt"}
    assert settings[Sched].enabled_filters == ["X", "Y"] and settings[Sched].host_subset_size == 3
    assert settings.unknown == ("[DEFAULT] my_unknown_option",)


def test_drop_ins_and_the_command_line_win_in_order(tmp_path: Path) -> None:
    first = write(tmp_path / "a.conf", "[DEFAULT]\nmode = b\nratio = 2\nstate_path = /one\n")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    write(folder / "10.conf", "[DEFAULT]\nratio = 3\n")
    write(folder / "20.conf", "[DEFAULT]\nratio = 4\n")
    write(folder / "ignored.txt", "[DEFAULT]\nratio = 5\n")
    settings = load([first, folder], KNOWN, {("DEFAULT", "state_path"): "/two"})
    assert (settings[Odd].mode, settings[Odd].ratio, settings[Odd].state_path) == ("b", 4.0, Path("/two"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[DEFAULT]\ndebug = perhaps\n", "[DEFAULT] debug"),
        ("[DEFAULT]\nmode = c\n", "[DEFAULT] mode"),
        ("[DEFAULT]\nmachine = q35\n", "[DEFAULT] machine"),
        ("[filter_scheduler]\nhost_subset_size = many\n", "[filter_scheduler] host_subset_size"),
        ("[DEFAULT\n", "bad.conf"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as told:
        load([write(tmp_path / "bad.conf", text)], KNOWN)
    assert named in str(told.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.conf"):
        load([tmp_path / "none.conf"], KNOWN)
