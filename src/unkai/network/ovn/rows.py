"""Rows of the database within one transaction: found by name, also those that the transaction itself made.

What comes from `ovs.db.idl` is untyped; it stays in this file, `writing` and `reading`.
"""

from collections.abc import Callable, Iterator
from typing import Any

# Our rows carry the id of the row they come from; rows without it belong to somebody else.
MARK = "unkai:id"
OWN_PORT = "unkai:port"

_NAMED = ("Logical_Switch", "Logical_Switch_Port", "Logical_Router", "Logical_Router_Port", "Port_Group")
TABLES = (
    *_NAMED,
    "DHCP_Options",
    "ACL",
    "NAT",
    "Logical_Router_Static_Route",
    "Gateway_Chassis",
)


def _mark(row: Any) -> str:
    return str(row.external_ids.get(MARK, ""))


def make_indexes(idl: Any) -> None:
    """Before the first data comes: rows by name, DHCP answers by subnet."""
    for table in _NAMED:
        idl.tables[table].rows.index_create("name").add_column("name")
    idl.tables["DHCP_Options"].rows.index_create("mark").add_column("external_ids", key=_mark)


class Rows:
    """`transaction` None only reads."""

    def __init__(self, idl: Any, transaction: Any = None) -> None:
        self._idl = idl
        self._transaction = transaction
        self._made: dict[tuple[str, str], Any] = {}
        self._members: dict[Any, list[Any]] | None = None

    def table(self, table: str) -> list[Any]:
        return list(self._idl.tables[table].rows.values())

    def named(self, table: str, name: str) -> Any:
        """The row, or None."""
        made = self._made.get((table, name))
        if made is not None:
            return made
        rows = self._idl.tables[table].rows
        return _first(rows.indexes["name"], rows.IndexEntry(name=name))

    def dhcp(self, subnet_id: str) -> Any:
        """The answers of a subnet (not those of single ports), or None."""
        made = self._made.get(("DHCP_Options", subnet_id))
        if made is not None:
            return made
        rows = self._idl.tables["DHCP_Options"].rows
        return _first(rows.indexes["mark"], rows.IndexEntry(external_ids={MARK: subnet_id}))

    def insert(self, table: str, **columns: Any) -> Any:
        """A new row."""
        row = self._transaction.insert(self._idl.tables[table])
        put(row, **columns)
        return row

    def insert_named(self, table: str, name: str) -> Any:
        """A new row that `named` finds."""
        row = self._made[table, name] = self.insert(table, name=name)
        return row

    def insert_dhcp(self, subnet_id: str) -> Any:
        """A new row that `dhcp` finds."""
        row = self._made["DHCP_Options", subnet_id] = self.insert("DHCP_Options")
        return row

    def groups_of(self, port: Any) -> list[Any]:
        """Our port groups that a port is a member of before this transaction."""
        if self._members is None:
            self._members = {}
            for group in self.table("Port_Group"):
                if MARK in group.external_ids:
                    for member in getattr(group, "ports", []):
                        self._members.setdefault(member.uuid, []).append(group)
        return self._members.get(port.uuid, [])


def _first(index: Any, entry: Any) -> Any:
    found: Iterator[Any] = index.irange(entry, entry)
    return next(found, None)


def put(row: Any, **columns: Any) -> None:
    """Set the columns that are not so yet."""
    for column, value in columns.items():
        try:
            have = getattr(row, column)
        except (AttributeError, KeyError):
            have = _MISSING  # a row of this transaction has no values yet
        if have is _MISSING or plain(have) != plain(value):
            setattr(row, column, value)


_MISSING = object()


def plain(value: Any) -> Any:
    """A column's value in one form: sets as sorted lists, rows by their UUIDs."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple | set):
        return sorted((getattr(item, "uuid", item) for item in value), key=str)
    return getattr(value, "uuid", value)


def match(
    row: Any, column: str, wanted: dict[Any, dict[str, Any]], rows: Rows, table: str, key: Callable[[Any], Any]
) -> None:
    """Make the rows that `row.column` refers to those that are wanted: `wanted` has columns by key, `key` tells
    an existing row's. Those that are not wanted go (nobody else refers to them)."""
    have: dict[Any, Any] = {}
    for child in getattr(row, column, []):
        if have.setdefault(key(child), child) is not child or key(child) not in wanted:
            row.delvalue(column, child.uuid)
    for identity, columns in wanted.items():
        if identity in have:
            put(have[identity], **columns)
        else:
            row.addvalue(column, rows.insert(table, **columns).uuid)
