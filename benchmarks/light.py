"""P6: how soon the control plane answers, and how much memory it holds a minute later."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from clouds import FirstAnswer, cpu_seconds, memory, scratch, started_at
from report import Row

REPEATS = 5
SETTLE_SECONDS = 60.0


def start(folder: Path) -> Iterator[Row]:
    """From the start of the process to its first answer, databases present."""
    with scratch(folder, simulate=1) as cloud:
        cloud.up()
        cloud.down()
        seconds, busy = [], []
        for _ in range(REPEATS):
            with FirstAnswer(f"{cloud.endpoint}/healthz") as first:
                cloud.up()
                if first.at is None:
                    raise RuntimeError("it is up and does not answer")
                seconds.append(first.at - started_at(cloud.control_plane()))
                busy.append(cpu_seconds(cloud.control_plane()))
            cloud.down()
        # The best of some is what the machine can do; the others show how busy it was with something else.
        spread = f"best of {REPEATS}; median {median(seconds):.2f}, worst {max(seconds):.2f}"
        yield Row("process start to first answer", min(seconds), "s", bar=2.0, note=spread)
        yield Row("CPU time of the process once the cloud is up", median(busy), "s", note=f"median of {REPEATS}")


def resident(folder: Path) -> Iterator[Row]:
    """The control plane a minute after its start, databases present, asked now and then."""
    with scratch(folder, simulate=1) as cloud:
        cloud.up()
        cloud.api().get("compute", "/servers")
        cloud.down()
        cloud.up()
        api = cloud.api()
        for path in ("/servers/detail", "/flavors/detail", "/os-hypervisors/detail"):
            api.get("compute", path)
        time.sleep(SETTLE_SECONDS)
        found = memory(cloud.control_plane())
        yield Row("control plane, resident memory", found["rss"], "MiB", bar=200.0, note="60 s after start")
        yield Row("control plane, proportional memory", found["pss"], "MiB")
