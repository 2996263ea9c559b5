"""Measures what SPEC.md promises: `./run bench [NAME...]`. Without names, everything that this machine can run."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import guest  # noqa: E402
import light  # noqa: E402
import lists  # noqa: E402
import report  # noqa: E402
import speed  # noqa: E402
from harness import machine  # noqa: E402

Benchmark = Callable[[Path], Iterator[report.Row]]
BENCHMARKS: dict[str, Benchmark] = {
    "start": light.start,
    "memory": light.resident,
    "statements": lists.statements,
    "speed": speed.operations,
    "candidates": speed.candidates,
    "guest": guest.boot,
}


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)} (there are: {', '.join(BENCHMARKS)})", file=sys.stderr)
        return 2
    rows: list[report.Row] = []
    failed = False
    for name in names or BENCHMARKS:
        reason = machine.lacks("guest") if name == "guest" else None
        if reason:
            print(f"{name}: not run here: {reason}", file=sys.stderr)
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="unkai-bench-", dir="/var/tmp") as folder:
                Path(folder).chmod(0o755)  # the control plane's user passes through
                rows.extend(BENCHMARKS[name](Path(folder)))
        except RuntimeError as error:
            failed = True
            print(f"{name}: failed: {error}", file=sys.stderr)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    text = f"{report.machine()}\n\n{report.table(rows)}"
    print(text)
    if rows:
        print(f"kept in {report.keep('-'.join(names) or 'all', text)}", file=sys.stderr)
    return 1 if failed or any(row.verdict == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
