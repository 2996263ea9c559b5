"""docs/requirements.md keeps its form, and what it calls shown names something that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"\| (?P<id>[A-Z]+-\d{3}) \| (?P<status>[^|]*) \| (?P<what>.*) \| (?P<accept>.*) \|(?P<by>[^|]*)\|")
TEST = re.compile(r"tests/[\w/.-]+\.py")


def rows() -> list[re.Match[str]]:
    lines = (ROOT / "docs/requirements.md").read_text(encoding="utf-8").splitlines()
    candidates = [line for line in lines if re.match(r"\| [A-Z]+-\d", line)]
    found = [ROW.fullmatch(line) for line in candidates]
    broken = [line for line, match in zip(candidates, found, strict=True) if match is None]
    assert not broken, "rows that are not | id | status | what | accepted when | shown by |:\n" + "\n".join(broken)
    return [match for match in found if match]


def test_every_requirement_is_there_once() -> None:
    ids = [row["id"] for row in rows()]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 702  # ids are never taken away


def test_the_status_is_one_of_two() -> None:
    assert {row["status"] for row in rows()} <= {"shown", "not yet"}


def test_what_is_shown_names_what_shows_it() -> None:
    for row in rows():
        proof = row["by"].strip()
        if row["status"] == "shown":
            assert proof, f"{row['id']} is shown by nothing"
        for path in TEST.findall(proof):
            assert (ROOT / path).exists(), f"{row['id']} names {path}, which does not exist"
