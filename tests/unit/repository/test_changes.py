"""Change fragments are well formed, as changes/README.md asks."""

import re
from pathlib import Path

import pytest

CHANGES = Path(__file__).resolve().parents[3] / "changes"
KINDS = ("added", "changed", "fixed", "removed", "security", "upgrade")
NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")
MOST_LINES = 12


def fault(name: str, text: str) -> str | None:
    """What is wrong with a fragment of this name and text, or None."""
    if not NAME.fullmatch(name):
        return f"the name is not <what>.<{'|'.join(KINDS)}>.md"
    lines = text.rstrip("\n").split("\n")
    if not lines[0].strip():
        return "the first line is empty"
    if lines[0].startswith("#"):
        return "no headings: the release notes have their own"
    if len(lines) > MOST_LINES:
        return f"{len(lines)} lines; at most {MOST_LINES}"
    paragraph = text.split("\n\n")[0].rstrip()
    if not paragraph.endswith((".", "!", "?")):
        return "the first paragraph is not a whole sentence"
    if not text.endswith("\n") or text.endswith("\n\n"):
        return "ends in one newline"
    return None


def test_the_folder_holds_only_good_fragments() -> None:
    fragments = [path for path in CHANGES.iterdir() if path.name != "README.md"]
    faults = {path.name: why for path in fragments if (why := fault(path.name, path.read_text()))}
    assert not faults


def test_the_readme_explains_every_kind() -> None:
    text = (CHANGES / "README.md").read_text()
    assert all(f"| `{kind}` |" in text for kind in KINDS)


@pytest.mark.parametrize(
    ("name", "text", "good"),
    [
        ("upload-resumes.added.md", "An upload that broke off goes on where it was.\n", True),
        ("upload-resumes.feature.md", "An upload that broke off goes on where it was.\n", False),
        ("Upload.added.md", "An upload that broke off goes on where it was.\n", False),
        ("upload.added.md", "", False),
        ("upload.added.md", "# Upload\n", False),
        ("upload.added.md", "an upload\n", False),
        ("upload.added.md", "No newline.", False),
        ("upload.added.md", "Long.\n" * 13, False),
    ],
)
def test_what_a_good_fragment_is(name: str, text: str, good: bool) -> None:
    assert (fault(name, text) is None) is good
