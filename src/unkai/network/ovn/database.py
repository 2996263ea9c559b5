"""The north-bound database of a real OVN, by ovsdbapp.

A replica of our tables is kept by a thread of ovsdbapp's; transactions run on it, ordered. Of many control-plane
processes only one writes: whoever holds OVSDB's own lock.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ovsdbapp import exceptions
from ovsdbapp.backend.ovs_idl import command, connection, transaction

from unkai.kernel import log
from unkai.network.ovn import reading, writing
from unkai.network.ovn.model import KINDS, Key, North, NorthObject, SwitchPort, in_order
from unkai.network.ovn.north import NorthError, NorthUnavailable, Ups
from unkai.network.ovn.rows import MARK, TABLES, Rows, make_indexes

_log = log.get(__name__)
_SCHEMA = "OVN_Northbound"
_LOCK = "unkai_northbound"
T = TypeVar("T")


class _Replica(connection.OvsdbIdl):  # type: ignore[misc]
    """Tells about ports that go up and down. Called on ovsdbapp's thread."""

    on_up: Callable[[str, bool], None] = staticmethod(lambda port_id, up: None)

    def notify(self, event: str, row: Any, updates: Any = None) -> None:
        if row._table.name != "Logical_Switch_Port" or event == "delete" or MARK not in row.external_ids:
            return
        if event == "create" or (updates is not None and hasattr(updates, "up")):
            self.on_up(row.name, any(row.up))


class _Work(command.BaseCommand):  # type: ignore[misc]
    """A function over the rows as a command of a transaction. It may run again when the server's data changed."""

    def __init__(self, replica: Any, work: Callable[[Rows], T]) -> None:
        super().__init__(None)
        self._replica = replica
        self._work = work

    def run_idl(self, txn: Any) -> None:
        self.result = self._work(Rows(self._replica, txn))

    def __str__(self) -> str:
        return "north-bound changes"


class OvnNorth:
    """See `north.NorthWriter`. `remote` is an OVSDB connection ("unix:PATH", "tcp:IP:PORT"), `timeout` in seconds."""

    def __init__(self, remote: str, timeout: int) -> None:
        self._remote = remote
        self._timeout = timeout
        self._connection: Any = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="north")

    @property
    def idl(self) -> Any:
        """The replica, for `Transaction`."""
        return self._connection.idl

    async def start(self, on_up: Callable[[str, bool], None]) -> None:
        await self._run(self._start, on_up)

    def ready(self) -> bool:
        return self._connection is not None and self.idl.has_lock

    async def apply(self, put: Collection[NorthObject], drop: Iterable[Key] = ()) -> Ups:
        return await self._run(self._apply, in_order(list(put)), sorted(drop, key=lambda key: -KINDS.index(key.kind)))

    async def read(self) -> North:
        return await self._run(self._reading, reading.read)

    async def ups(self) -> Ups:
        return await self._run(self._reading, _ups)

    async def close(self) -> None:
        if self._connection is not None:
            await self._run(self._connection.stop, self._timeout)
            self._connection = None
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*arguments))

    # ---- on our thread ----

    def _start(self, on_up: Callable[[str, bool], None]) -> None:
        if self._connection is not None:
            return
        try:
            replica = _Replica.from_server(self._remote, _SCHEMA, helper_tables=TABLES, leader_only=False)
            replica.on_up = on_up
            replica.set_lock(_LOCK)
            make_indexes(replica)
            made = connection.Connection(replica, self._timeout)
            made.start()
        except Exception as error:
            # ovsdbapp lets pass whatever sockets and its own retries raise; for us it is all the same.
            raise NorthUnavailable(f"{self._remote}: {error}") from error
        self._connection = made

    def _apply(self, put: list[NorthObject], drop: list[Key]) -> Ups:
        def work(rows: Rows) -> None:
            for key in drop:
                writing.remove(rows, key)
            for row in reading.lost_answers(rows) if drop else []:
                row.delete()
            for one in put:
                writing.write(rows, one)

        self._commit(work)
        wanted = {one.id for one in put if isinstance(one, SwitchPort)}
        with self._connection.lock:
            rows = Rows(self.idl)
            found = {id: rows.named("Logical_Switch_Port", id) for id in wanted}
            return {id: row is not None and any(row.up) for id, row in found.items()}

    def _commit(self, work: Callable[[Rows], None]) -> None:
        if self._connection is None:
            raise NorthUnavailable(f"{self._remote}: not connected")
        if not self.idl.has_lock:
            raise NorthUnavailable(f"{self._remote}: another process writes, or the connection is lost")
        changes = transaction.Transaction(self, self._connection, self._timeout, check_error=True, log_errors=False)
        changes.add(_Work(self.idl, work))
        try:
            changes.commit()
        except NorthError:
            raise
        except exceptions.TimeoutException as error:
            raise NorthUnavailable(f"{self._remote}: no answer in {self._timeout} s") from error
        except RuntimeError as error:
            raise NorthError(str(error)) from error

    def _reading(self, work: Callable[[Rows], T]) -> T:
        if self._connection is None:
            raise NorthUnavailable(f"{self._remote}: not connected")
        with self._connection.lock:
            return work(Rows(self.idl))


def _ups(rows: Rows) -> Ups:
    return {row.name: any(row.up) for row in rows.table("Logical_Switch_Port") if MARK in row.external_ids}
