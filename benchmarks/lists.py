"""P7: SQL statements of lists, whose number must not grow with their length."""

import time
from collections.abc import Iterator
from pathlib import Path

from api import Api
from clouds import Cloud, scratch
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
