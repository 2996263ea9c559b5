"""P7: SQL statements and CPU time of lists, which must not grow with their length the way they do elsewhere."""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from api import Api
from clouds import Cloud, cpu_seconds, scratch
from report import Row

FEW, MANY = 5, 100
LISTS = (
    ("compute", "/servers?limit=1000"),
    ("compute", "/servers/detail?limit=1000"),
    ("compute", "/flavors/detail"),
    ("compute", "/os-hypervisors/detail"),
    ("image", "/images"),
    ("network", "/networks"),
    ("network", "/ports"),
    ("network", "/security-groups"),
    ("identity", "/projects"),
    ("identity", "/role_assignments"),
    ("placement", "/resource_providers"),
)
STATEMENTS = "unkai_sql_statements_total"


def statements(folder: Path) -> Iterator[Row]:
    """Statements of each list with few and with many servers. More with many is a broken promise."""
    with scratch(folder, simulate=4) as cloud:
        cloud.up()
        api = cloud.api()
        api.lift_quota()
        api.create_servers(FEW)
        few = {path: count(cloud, api, service, path) for service, path in LISTS}
        api.create_servers(MANY - FEW, name="more")
        for service, path in LISTS:
            many = count(cloud, api, service, path)
            note = f"{few[path]:.0f} with {FEW} servers, {many:.0f} with {MANY}"
            yield Row(f"statements of {service} {path}", many, "", bar=few[path], note=note)


def count(cloud: Cloud, api: Api, service: str, path: str) -> float:
    """The least of some tries: background work of the same process counts in the others."""
    found = []
    api.get(service, path)
    for _ in range(8):
        before = api.metric(cloud.endpoint, STATEMENTS)
        api.get(service, path)
        found.append(api.metric(cloud.endpoint, STATEMENTS) - before)
        time.sleep(0.05)
    return min(found)


def speed(folder: Path) -> Iterator[Row]:
    """CPU time of the control plane per request; the bars are SPEC.md's, scaled to the servers made here."""
    with scratch(folder, simulate=10) as cloud:
        cloud.up()
        api = cloud.api()
        api.lift_quota()
        api.create_servers(MANY)
        server = api.get("compute", "/servers?limit=1")["servers"][0]["id"]
        yield cost(cloud, api, f"list {MANY} servers with details", "/servers/detail", 50, bar=57.0)
        yield cost(cloud, api, "show a server", f"/servers/{server}", 300, bar=3.5)


def cost(cloud: Cloud, api: Api, what: str, path: str, requests: int, bar: float) -> Row:
    pid = cloud.control_plane()
    api.get("compute", path)
    rounds = []
    for _ in range(3):
        before = cpu_seconds(pid)
        for _ in range(requests):
            api.get("compute", path)
        rounds.append((cpu_seconds(pid) - before) / requests * 1000)
    note = f"CPU per request, median of 3 x {requests}, {min(rounds):.2f}–{max(rounds):.2f}"
    return Row(what, median(rounds), "ms", bar=bar, note=note)
