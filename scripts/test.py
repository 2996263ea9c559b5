"""Runs the layers of tests in order and adds up what they did: `./run test [LAYER...] [-- PYTEST OPTION...]`.

A layer that this machine can run and that ran no test has failed: green must mean that something was tried.
The last line, alone, is `N passed, N failed, N skipped`; the exit status is 0 only when nothing failed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness import machine  # noqa: E402  the folder of the harness is on no path before the line above

BIN = Path(sys.executable).parent
GUESTS = "/var/lib/unkai/guests"  # where `unkai up` looks for the images too
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unkai"


@dataclass(frozen=True)
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Layer:
    """`run` gets pytest's extra arguments and its time in seconds; `lacks` says why the machine cannot."""

    name: str
    run: Callable[[Sequence[str], float], Tally]
    minutes: float
    lacks: Callable[[], str | None] = lambda: None


def call(command: Sequence[str], seconds: float) -> int:
    """Run in a session of its own, so that all it started ends with it. Returns 124 when it took too long."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"stopped after {seconds:.0f} s: {' '.join(command[:4])} ...", flush=True)
        return 124
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def pytest(
    paths: Sequence[str], options: Sequence[str], extra: Sequence[str], seconds: float, prefix: Sequence[str] = ()
) -> Tally:
    """Counts come from pytest's own result file. A run that broke before it could write one has failed."""
    paths = [path for path in paths if (ROOT / path).exists()]
    if not paths:
        return Tally()
    with tempfile.TemporaryDirectory(prefix="ut-") as folder:
        result = Path(folder) / "result.xml"
        status = call(
            [
                *prefix,
                str(BIN / "pytest"),
                f"--junit-xml={result}",
                f"--basetemp={folder}/t",
                *options,
                *extra,
                *paths,
            ],
            seconds,
        )
        tally = read_result(result) if result.exists() else Tally()
    # 0: all passed, 1: some failed (counted), 5: nothing collected; the rest is a failure nobody counted.
    return tally + Tally(failed=1) if status not in (0, 5) and not tally.failed else tally


def read_result(result: Path) -> Tally:
    tally = Tally()
    for suite in ElementTree.parse(result).getroot().iter("testsuite"):  # noqa: S314  our own file, just written
        total, failures, errors, skipped = (
            int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")
        )
        tally += Tally(total - failures - errors - skipped, failures + errors, skipped)
    return tally


def lint(extra: Sequence[str], seconds: float) -> Tally:
    python = [name for name in ("src", "tests", "scripts", "benchmarks") if (ROOT / name).exists()]
    tools = {
        "ruff": ["ruff", "check", "--no-cache", *python],
        "mypy --strict": ["mypy", "--cache-dir", str(CACHE / "mypy")],
        "import-linter": ["lint-imports", "--no-cache"],
        # SC3043: every sh that runs ours (dash, busybox) has `local`.
        "shellcheck": ["shellcheck", "-x", "--severity=warning", "--exclude=SC3043", *shell_scripts()],
    }
    end = time.monotonic() + seconds
    tally = Tally()
    for name, command in tools.items():
        if machine.program(command[0], BIN) is None:
            print(f"{name}: skipped, {command[0]} is not installed")
            tally += Tally(skipped=1)
            continue
        print(f"{name}:", flush=True)
        good = call(command, end - time.monotonic()) == 0
        tally += Tally(passed=1) if good else Tally(failed=1)
    print("architecture:", flush=True)
    return tally + pytest(["tests/unit/architecture"], ["-q"], extra, end - time.monotonic())


def shell_scripts() -> list[str]:
    """Every file of this repository that a shell runs, by its first line or its name."""
    files = [ROOT / "run", ROOT / ".ci/run"]
    for folder in ("scripts", "src", "benchmarks", "guests"):
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in ("", ".sh")]
    heads = {path: path.read_bytes().split(b"\n", 1)[0] for path in sorted(files)}
    shells = (b"/sh", b"/bash", b" bash")
    return [
        str(path)
        for path, head in heads.items()
        if path.suffix == ".sh" or (head.startswith(b"#!") and head.endswith(shells))
    ]


def of_folder(name: str, *options: str) -> Callable[[Sequence[str], float], Tally]:
    return lambda extra, seconds: pytest([f"tests/{name}"], options, extra, seconds)


def functional(extra: Sequence[str], seconds: float) -> Tally:
    """Real guests, in namespaces of their own: they meet no other cloud of this machine and reach nothing outside.
    So what comes from outside, the packages of the guest image, is fetched before."""
    end = time.monotonic() + seconds
    prefix: tuple[str, ...] = ()
    if machine.lacks("guest") is None:
        if call([str(ROOT / "guests/build"), "tiny", GUESTS], end - time.monotonic()):
            print("the guest image cannot be built", flush=True)
            return Tally(failed=1)
        prefix = (str(ROOT / "scripts/in-namespaces"),)
    options = ("-v", "--durations=10", "-p", "no:cacheprovider")
    tally = Tally()
    for paths in functional_groups():
        tally += pytest(paths, options, extra, end - time.monotonic(), prefix)
    return tally


def functional_groups() -> list[list[str]]:
    """The files at the top, which share a cloud, and each folder, whose tests start daemons of their own: one after
    the other, in different namespaces, because a machine has one Open vSwitch."""
    top = ROOT / "tests/functional"
    folders = sorted({path.relative_to(top).parts[0] for path in top.glob("*/**/test_*.py")})
    files = sorted(str(path.relative_to(ROOT)) for path in top.glob("test_*.py"))
    return [group for group in (files, *([f"tests/functional/{name}"] for name in folders)) if group]


PARALLEL = ("-n", "auto", "--dist", "worksteal", "-q")
LAYERS = (
    Layer("lint", lint, minutes=15),
    Layer("unit", of_folder("unit", *PARALLEL, "--ignore=tests/unit/architecture"), minutes=25),
    Layer("api", of_folder("api", *PARALLEL), minutes=45),
    Layer("functional", functional, 40, lambda: machine.lacks("guest")),
    Layer("docs", of_folder("docs", "-q"), minutes=5),
)


def main(arguments: Sequence[str]) -> int:
    names, extra = list(arguments), []
    if "--" in names:
        cut = names.index("--")
        names, extra = names[:cut], names[cut + 1 :]
    known = {layer.name: layer for layer in LAYERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no layer {', '.join(unknown)} (layers: {', '.join(known)})", file=sys.stderr)
        return 2

    rows: list[tuple[str, Tally, float, str]] = []
    for layer in (known[name] for name in names) if names else LAYERS:
        print(f"\n== {layer.name}", flush=True)
        started = time.monotonic()
        tally = layer.run(extra, layer.minutes * 60)
        note = ""
        if not tally.passed + tally.failed:
            reason = layer.lacks()
            note = f"not run here: {reason}" if reason else "ran no test"
            tally += Tally() if reason else Tally(failed=1)
        rows.append((layer.name, tally, time.monotonic() - started, note))
    return report(rows)


def report(rows: Sequence[tuple[str, Tally, float, str]]) -> int:
    print(f"\n{'layer':12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    total = Tally()
    for name, tally, seconds, note in rows:
        total += tally
        print(f"{name:12}{tally.passed:8}{tally.failed:8}{tally.skipped:9}{seconds:9.1f}  {note}".rstrip())
    print(f"\n{total}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
