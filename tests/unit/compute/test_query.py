"""Names and values of query strings, and what a regular expression may cost."""

import re
import time

import pytest

from unkai.compute.api import query


@pytest.mark.parametrize(
    "pattern",
    ["web", "^web-[0-9]+$", ".*web.*", "a.*b.*c", "10.0.0.1", "a|b", r"a\+b\*c\?d", "x{2}", "[abc]{1,3}", "(ab)"],
)
def test_patterns_that_are_taken(pattern: str) -> None:
    assert query.regex(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "(",
        "[",
        "*",
        "a" * 256,
        "(a+)+$",
        "(a*)*",
        "(a|b)*",
        "(a|b){5}",
        "a*b*c*d",
        r"(a)\1",
        "(?=a)",
        "(?P<x>a)(?P=x)",
    ],
)
def test_patterns_that_are_refused(pattern: str) -> None:
    assert query.regex(pattern) is not None


def test_the_worst_that_is_taken_is_cheap() -> None:
    """Two repetitions over a name of the greatest length: a fraction of a second, not hours."""
    for pattern in ("a*a*b", "[a-z]*[a-z]*9", "a{0,200}a{0,200}b", "(a|a)x*y*z"):
        assert query.regex(pattern) is None
        began = time.perf_counter()
        assert re.search(pattern, "a" * 255) is None
        assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("pattern", "core"),
    [(".*web.*", "web"), (".*.*", ""), ("web", "web"), (r"a\.*", r"a\.*"), (".*", ""), ("a.*b", "a.*b")],
)
def test_the_core_of_a_pattern_finds_the_same(pattern: str, core: str) -> None:
    assert query.core(pattern) == core
    for text in ("web", "my web site", "a...", "axxb", ""):
        assert bool(re.search(core, text)) == bool(re.search(pattern, text))


def test_numbers_and_times() -> None:
    assert query.number("0") is None and query.number("12") is None
    for bad in ("-1", "x", "", "1.5", "٣", "9" * 19):
        assert query.number(bad) is not None
    assert query.time("2020-01-01T00:00:00Z") is None and query.time("2020-01-01") is None
    assert query.time("tomorrow") is not None
    assert query.one_of(("a", "b"))("a") is None and query.one_of(("a", "b"))("c") is not None


def test_names_come_with_versions() -> None:
    names = query.Names(known={"a": None}, added={5: {"b": None}, 10: {"a": query.number}})
    assert set(names.at(4)) == {"a"} and set(names.at(5)) == {"a", "b"}
    assert names.at(9)["a"] is None and names.at(10)["a"] is query.number
