"""Links between our pages lead somewhere, and the README names the verbs that exist."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "changes").glob("*.md")),
    ]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert not dead


def test_the_documents_name_only_verbs_that_exist() -> None:
    verbs = set(re.findall(r"^  (\w+)  ", subprocess.check_output([ROOT / "run", "help"], text=True), re.M))
    for page in pages():
        named = set(re.findall(r"\./run ([a-z]+)\b", page.read_text(encoding="utf-8")))
        assert named <= verbs, f"{page}: {named - verbs}"


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs/adr"
    text = (folder / "README.md").read_text(encoding="utf-8")
    decisions = [path.name for path in folder.glob("[0-9]*.md") if path.name != "0000-template.md"]
    assert decisions
    assert [name for name in decisions if f"]({name})" not in text] == []
