"""Names that a server is given."""

import re

import pytest

from unkai.compute import names
from unkai.compute.server import domain_name

ID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("web", "web"),
        ("My Web_Server.1", "my-web-server-1"),
        ("-.web.-", "web"),
        ("a!b?c", "abc"),
        ("Ж中", f"Server-{ID}"),
        ("café", "café"),
        ("...", f"Server-{ID}"),
        ("x" * 100, "x" * 63),
    ],
)
def test_host_names(name: str, host: str) -> None:
    assert names.host_name(name, ID) == host


def test_passwords() -> None:
    found = {names.password(12) for _ in range(50)}
    assert len(found) == 50
    for text in found:
        assert len(text) == 12 and re.search(r"\d", text) and re.search("[a-z]", text) and re.search("[A-Z]", text)
        assert not set("0O1lI") & set(text)
    assert [len(names.password(length)) for length in (0, 1, 3)] == [0, 1, 3]


def test_ids() -> None:
    assert re.fullmatch("r-[0-9a-z]{8}", names.reservation_id())
    assert names.ec2_image("ami", 255) == "ami-000000ff"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("instance-%08x", "instance-0000001f"),
        ("vm-%d", "vm-31"),
        ("%(uuid)s", ID),
        ("%(hostname)s-%(id)d", "web-31"),
    ],
)
def test_domain_names(template: str, expected: str) -> None:
    class Some:
        seq, id, name, hostname = 31, ID, "Web", "web"

    assert domain_name(template, Some()) == expected  # type: ignore[arg-type]
