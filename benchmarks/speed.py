"""P7: CPU time of the control plane per operation. The bars are SPEC.md's: a tenth of upstream's on a like machine.

One process is measured whole, simulated hosts included, while one client asks over one connection.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from api import Api
from clouds import Cloud, cpu_seconds, scratch
from report import Row

SERVERS = 1000
BATCH = 100
PROVIDERS = 1000
ROUNDS = 3


def operations(folder: Path) -> Iterator[Row]:
    with scratch(folder, simulate=20) as cloud:
        cloud.up()
        api = cloud.api()
        api.lift_quota()
        yield tokens(cloud, api, "validate a token", api.validate_token, bar=0.67)
        yield tokens(cloud, api, "token from a token", api.token_from_token, bar=0.94)
        yield boots(cloud, api)
        yield cost(cloud, "list 100 servers with details", lambda: api.get("compute", detail(100)), 30, bar=57.0)
        for number in range(1, SERVERS // BATCH):
            api.create_servers(BATCH, name=f"batch{number}")
        yield cost(cloud, "list 1000 servers with details", lambda: api.get("compute", detail(1000)), 5, bar=550.0)
        server = api.get("compute", "/servers?limit=1")["servers"][0]["id"]
        yield cost(cloud, "show a server", lambda: api.get("compute", f"/servers/{server}"), 200, bar=3.5)


def detail(limit: int) -> str:
    return f"/servers/detail?limit={limit}"


def tokens(cloud: Cloud, api: Api, what: str, ask: Callable[[], None], bar: float) -> Row:
    return cost(cloud, what, ask, 300, bar)


def boots(cloud: Cloud, api: Api) -> Row:
    """Until all are ACTIVE; asking whether they are is in it, and so is the work of the simulated hosts."""
    before = cpu_seconds(cloud.control_plane())
    api.create_servers(BATCH, name="batch0")
    spent = (cpu_seconds(cloud.control_plane()) - before) / BATCH * 1000
    return Row("boot on a simulated host", spent, "ms", bar=100.0, note=f"CPU per server of one request for {BATCH}")


def candidates(folder: Path) -> Iterator[Row]:
    with scratch(folder, simulate=1) as cloud:
        cloud.up()
        api = cloud.api()
        api.make_providers(PROVIDERS)
        path = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:512,DISK_GB:1"
        for limit, requests, bar in ((10, 50, 22.0), (1000, 10, 20.7)):
            what = f"allocation candidates, limit {limit} of {PROVIDERS} hosts"
            yield cost(cloud, what, lambda limit=limit: api.get("placement", f"{path}&limit={limit}"), requests, bar)


def cost(cloud: Cloud, what: str, ask: Callable[[], object], requests: int, bar: float) -> Row:
    pid = cloud.control_plane()
    ask()
    rounds = []
    for _ in range(ROUNDS):
        before = cpu_seconds(pid)
        for _ in range(requests):
            ask()
        rounds.append((cpu_seconds(pid) - before) / requests * 1000)
    note = f"CPU per request, median of {ROUNDS} x {requests}, {min(rounds):.2f}–{max(rounds):.2f}"
    return Row(what, median(rounds), "ms", bar=bar, note=note)
