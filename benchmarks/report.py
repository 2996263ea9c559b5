"""Results as a table for people, printed and kept as text in benchmarks/results/."""

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Row:
    """`bar` is what SPEC.md promises, in the same unit, or None; `note` says how sure the figure is."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        return "kept" if self.value <= self.bar else "MISSED"


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    head = ("what", "measured", "promised", "", "note")
    cells = [
        (
            row.what,
            f"{number(row.value)} {row.unit}",
            "" if row.bar is None else f"<= {number(row.bar)} {row.unit}",
            row.verdict,
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in [head, *cells]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def machine() -> str:
    """What the figures were taken on, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = _output("git", "-C", str(FOLDER), "rev-parse", "--short", "HEAD")
    release = platform.release().split("-")[0]
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')} UTC, commit {commit}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, Linux {release}, "
        f"KVM {'present' if Path('/dev/kvm').exists() else 'absent'}"
    )


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def keep(name: str, text: str) -> Path:
    """Write a result file and return its path; an earlier one of the same day is kept beside it."""
    FOLDER.mkdir(exist_ok=True)
    stem = f"{time.strftime('%Y-%m-%d')}-{name}"
    number_of = 1
    path = FOLDER / f"{stem}.txt"
    while path.exists():
        number_of += 1
        path = FOLDER / f"{stem}-{number_of}.txt"
    path.write_text(text, encoding="utf-8")
    return path
