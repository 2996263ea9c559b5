"""Query strings of lists: whatever comes in is understood or refused, never a crash."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unkai.image.errors import InvalidFilter
from unkai.image.filters import SORTABLE, Condition, read_filter, read_page
from unkai.kernel.paging import SortKey

NAMES = st.sampled_from(
    re.findall(
        r"\S+",
        """name id status size size_min size_max min_ram_max created_at updated_at visibility os_hidden protected owner
        tag member_status limit marker sort sort_key sort_dir changes-since checksum color x_min""",
    )
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        re.findall(
            r"\S+",
            """true false 5 -1 all public in:a,b in:"a,b",c eq:x gt:2026-01-01T00:00:00Z 2026-01-01T00:00:00+09:00
            lte:9999-12-31T23:59:59Z 0001-01-01T00:00:00+14:00 name:asc,size:desc asc desc name
            99999999999999999999999""",
        )
    ),
)


@given(st.lists(st.tuples(st.one_of(NAMES, st.text(max_size=20)), VALUES), max_size=12))
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    for read in (read_filter, lambda p: read_page(p, 25, 1000)):
        try:
            read(pairs)
        except InvalidFilter as error:
            assert error.message


@given(st.lists(st.text(st.characters(blacklist_characters='\0",\\\r\n', codec="utf-8"), min_size=1), min_size=1))
def test_plain_values_of_in_come_back(values: list[str]) -> None:
    (condition,) = read_filter([("name", "in:" + ",".join(values))]).conditions
    assert condition == Condition("name", "in", tuple(values))


@given(st.lists(st.text(st.characters(blacklist_characters="\0", codec="utf-8")), min_size=1))
def test_quoted_values_of_in_come_back(values: list[str]) -> None:
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    (condition,) = read_filter([("status", f"in:{quoted}")]).conditions
    assert condition == Condition("status", "in", tuple(values))


def test_what_is_no_column_is_a_property() -> None:
    found = read_filter([("color", "red"), ("x_min", "5"), ("size_min", "5"), ("color", "blue"), ("limit", "3")])
    assert found.properties == (("color", "blue"), ("x_min", "5"))
    assert found.conditions == (Condition("size", "gte", 5),)
    assert (found.visibility, found.os_hidden, found.member_status) == (None, False, "accepted")


@pytest.mark.parametrize(
    ("text", "op", "when"),
    [
        ("2026-01-02T03:04:05Z", "eq", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("neq:2026-01-02T03:04:05Z", "neq", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("lt:2026-01-02T03:04:05+09:00", "lt", datetime(2026, 1, 1, 18, 4, 5, tzinfo=UTC)),
        ("gte:2026-01-02", "gte", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_times(text: str, op: str, when: datetime) -> None:
    (condition,) = read_filter([("created_at", text)]).conditions
    assert (condition.op, condition.value) == (op, when)


def test_two_syntaxes_of_one_order() -> None:
    old = read_page([("sort_key", "name"), ("sort_key", "size"), ("sort_dir", "asc"), ("sort_dir", "desc")], 25, 100)
    new = read_page([("sort", "name:asc,size:desc")], 25, 100)
    assert old == new
    assert old.sort == (SortKey("name", "asc"), SortKey("size", "desc"), SortKey("created_at", "desc"))
    one = read_page([("sort_key", "name"), ("sort_key", "size"), ("sort_dir", "asc")], 25, 100)
    assert one.sort == (SortKey("name", "asc"), SortKey("size", "asc"), SortKey("created_at", "asc"))
    assert read_page([], 25, 100).sort == (SortKey("created_at", "desc"),)
    assert read_page([("sort", "name")], 25, 100).sort[0] == SortKey("name", "desc")


def test_limits() -> None:
    assert read_page([], 25, 100).limit == 25
    assert read_page([("limit", "7")], 25, 100).limit == 7
    assert read_page([("limit", "5000")], 25, 100).limit == 100
    assert read_page([("limit", "9" * 50)], 25, 100).limit == 100
    assert set(SORTABLE) >= {"id", "created_at"}
