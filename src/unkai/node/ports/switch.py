"""The host's Open vSwitch, by OVSDB. ovsdbapp's client blocks, so it has one thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ovsdbapp.backend.ovs_idl import connection, idlutils
from ovsdbapp.exceptions import OvsdbAppException
from ovsdbapp.schema.open_vswitch import impl_idl

from unkai.kernel.clock import monotonic
from unkai.node.errors import NetworkPlugFailed
from unkai.node.ports.links import Mark

__all__ = ["Switch"]

T = TypeVar("T")
# Only what is used: whole tables bring each interface's statistics every few seconds.
_COLUMNS = {
    "Open_vSwitch": ["bridges", "cur_cfg", "next_cfg", "external_ids"],
    "Bridge": ["name", "ports", "datapath_type"],
    "Port": ["name", "interfaces", "external_ids"],
    "Interface": ["name", "type", "external_ids", "ofport", "error"],
}


class Switch:
    """Ports of one bridge. `database` is a connection string (unix:PATH, tcp:IP:PORT); seconds in `timeout`.

    All verbs raise NetworkPlugFailed when Open vSwitch does not answer or refuses.
    """

    def __init__(self, database: str, bridge: str, timeout: float = 15.0) -> None:
        self._database = database
        self._bridge = bridge
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, "ovsdb")
        self._api: Any = None
        self._closing = threading.Event()

    async def userspace(self) -> bool:
        """Whether the bridge uses the userspace datapath."""

        def look(api: Any) -> bool:
            return str(api.db_get("Bridge", self._bridge, "datapath_type").execute(check_error=True)) == "netdev"

        return await self._call(look)

    async def chassis(self) -> str | None:
        """What OVN calls this host (None before OVN was told)."""

        def look(api: Any) -> str | None:
            ids = api.db_get("Open_vSwitch", ".", "external_ids").execute(check_error=True)
            return dict(ids).get("system-id")

        return await self._call(look)

    async def plug(self, name: str, mark: Mark, port_id: str, mac: str, *, fresh: bool) -> None:
        """A port for device `name`, known to OVN as `port_id`. Returns when it forwards. With `fresh` the device is
        new: a port that still refers to one that had its name is taken out first."""
        ids = {"iface-id": port_id, "attached-mac": mac, "iface-status": "active"}
        if mark.kind == "server":
            ids["vm-id"] = mark.owner
        await self._call(lambda api: self._plug(api, name, mark, ids, fresh))

    async def unplug(self, name: str) -> None:
        """Succeeds when there is no such port."""
        await self._call(lambda api: api.del_port(name, self._bridge, if_exists=True).execute(check_error=True))

    async def ports(self, host_id: str) -> dict[str, Mark]:
        """The ports this host made, by name."""

        def look(api: Any) -> dict[str, Mark]:
            rows = api.db_list("Port", columns=["name", "external_ids"]).execute(check_error=True)
            found: dict[str, Mark] = {}
            for row in rows:
                mark = Mark.parse(row["external_ids"].get("unkai", ""))
                if mark is not None and mark.host_id == host_id:
                    found[row["name"]] = mark
            return found

        return await self._call(look)

    def close(self) -> None:
        self._closing.set()
        api, self._api = self._api, None
        if api is not None:
            self._thread.submit(api.ovsdb_connection.stop, 2.0)
        self._thread.shutdown(wait=False, cancel_futures=False)

    # ---- in the thread ----

    async def _call(self, verb: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, verb)

    def _run(self, verb: Callable[[Any], T]) -> T:
        try:
            return verb(self._connected())
        except NetworkPlugFailed:
            raise
        except Exception as error:
            # The client's own kinds of failure are many and differ by version.
            raise NetworkPlugFailed(
                reason="Open vSwitch of the host does not answer", details=f"{type(error).__name__}: {error}"
            ) from error

    def _connected(self) -> Any:
        if self._api is None:
            helper = idlutils.get_schema_helper(self._database, "Open_vSwitch")
            for table, columns in _COLUMNS.items():
                helper.register_columns(table, columns)
            database = connection.OvsdbIdl(self._database, helper)
            self._api = impl_idl.OvsdbIdl(connection.Connection(database, timeout=self._timeout))
        return self._api

    def _plug(self, api: Any, name: str, mark: Mark, ids: Mapping[str, str], fresh: bool) -> None:
        if fresh:
            api.del_port(name, self._bridge, if_exists=True).execute(check_error=True)
        try:
            with api.transaction(check_error=True) as change:
                change.add(api.add_port(self._bridge, name, may_exist=True))
                change.add(api.db_set("Port", name, ("external_ids", {"unkai": str(mark)})))
                change.add(api.db_set("Interface", name, ("external_ids", dict(ids))))
        except idlutils.RowNotFound as error:
            raise NetworkPlugFailed(
                reason=f"bridge {self._bridge} is missing on the host", details=str(error)
            ) from error
        except OvsdbAppException as error:
            raise NetworkPlugFailed(reason="Open vSwitch refused the port", details=str(error)) from error
        self._await_forwarding(api, name)

    def _await_forwarding(self, api: Any, name: str) -> None:
        """ovsdbapp only logs when the switch could not open the device."""
        until = monotonic() + self._timeout
        while not self._closing.wait(0.01):
            row = api.db_list("Interface", [name], columns=["ofport", "error"]).execute(check_error=True)[0]
            number = row["ofport"][0] if isinstance(row["ofport"], list) and row["ofport"] else row["ofport"]
            if isinstance(number, int) and number > 0:
                return
            if row["error"] or monotonic() > until:
                raise NetworkPlugFailed(
                    reason="Open vSwitch cannot use the server's device", details=f"{name}: {row['error']}"
                )
