"""Request bodies: fields come and go with versions, v2.0 leaves out what it does not know."""

from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from msgspec import UNSET, Meta, UnsetType, field

from unkai.compute.api.body import Body, Check, Since, Until, convert
from unkai.compute.api.kinds import Flag, Limit, base64_text, metadata_items, name, truth
from unkai.compute.errors import InvalidField
from unkai.kernel.errors import InvalidBody


class Inner(Body):
    size: Annotated[int, Meta(ge=1)] = 1
    tag: Annotated[str | UnsetType, Since(32, 36), Since(42)] = UNSET


class Outer(Body):
    title: Annotated[str, Check(name)]
    old: Annotated[str | UnsetType, Until(56)] = UNSET
    new: Annotated[str | UnsetType, Since(19)] = field(name="OS-NEW", default=UNSET)
    inner: list[Inner] = field(default_factory=list)


def read(data: Any, minor: int = 104, path: str = "/compute/v2.1/x") -> Outer:
    request: Any = SimpleNamespace(version=SimpleNamespace(minor=minor), path=path)
    return convert(request, data, Outer)


@pytest.mark.parametrize(
    ("data", "minor", "fine"),
    [
        ({"title": "t"}, 1, True),
        ({"title": "t", "old": "o"}, 56, True),
        ({"title": "t", "old": "o"}, 57, False),
        ({"title": "t", "OS-NEW": "n"}, 18, False),
        ({"title": "t", "OS-NEW": "n"}, 19, True),
        ({"title": "t", "new": "n"}, 104, False),
        ({"title": "t", "inner": [{"tag": "x"}]}, 31, False),
        ({"title": "t", "inner": [{"tag": "x"}]}, 32, True),
        ({"title": "t", "inner": [{"tag": "x"}]}, 37, False),
        ({"title": "t", "inner": [{"tag": "x"}]}, 42, True),
        ({"title": "t", "inner": [{"size": 0}]}, 42, False),
        ({"title": " t"}, 1, False),
        ({"title": "t", "more": 1}, 1, False),
        ({}, 1, False),
        (None, 1, False),
        ([], 1, False),
    ],
)
def test_versions(data: Any, minor: int, fine: bool) -> None:
    if fine:
        read(data, minor)
    else:
        with pytest.raises((InvalidBody, InvalidField)):
            read(data, minor)


def test_v20_leaves_out() -> None:
    body = read(
        {"title": "t", "more": 1, "OS-NEW": 5, "inner": [{"size": 2, "tag": "x", "odd": {}}], "old": "o"},
        minor=1,
        path="/compute/v2/x",
    )
    assert (body.old, body.new) == ("o", UNSET)
    assert body.inner == [Inner(size=2)]


def test_errors_name_the_field() -> None:
    with pytest.raises(InvalidField) as caught:
        read({"title": "x\n"})
    assert "title" in caught.value.message
    with pytest.raises(InvalidBody) as refused:
        read({"title": "t", "inner": [{"size": "x"}]})
    assert "inner[0].size" in str(refused.value)


def test_kinds() -> None:
    assert name("fine") is None and name(" x") and name("x\u200b") and name("\x07")
    assert base64_text("QUJD") is None and base64_text("QUJ") is not None
    assert metadata_items({"a:b c": "x"}) is None
    assert metadata_items({"ü": "x"}) and metadata_items({"": "x"}) and metadata_items({"a": "x" * 256})
    assert truth("YES") and truth("1") and not truth("off") and truth(UNSET, default=True)
    assert Flag and Limit
