"""The OpenStack layout: /openstack/<date>/meta_data.json, user_data, network_data.json, vendor_data.json, ...

Shapes and dates are upstream's (Compute's user guide, "Metadata"): each date keeps what it had when it appeared.
"""

import base64
import os
from collections.abc import Callable
from typing import Any

import msgspec

from unkai.node.metadata.network_data import network_data
from unkai.node.metadata.source import Source

__all__ = ["VERSIONS", "content", "document", "listing"]

FOLSOM, GRIZZLY, HAVANA, LIBERTY = "2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15"
NEWTON_ONE, NEWTON_TWO, OCATA = "2016-06-30", "2016-10-06", "2017-02-22"
ROCKY, VICTORIA = "2018-08-27", "2020-10-14"
VERSIONS = (FOLSOM, GRIZZLY, HAVANA, LIBERTY, NEWTON_ONE, NEWTON_TWO, OCATA, ROCKY, VICTORIA)

JSON, TEXT = "application/json", "text/plain; charset=utf-8"


def listing(source: Source, version: str) -> list[str]:
    """The documents of a version, in upstream's order. KeyError: no such version."""
    version = _resolve(version)
    names = ["meta_data.json"]
    if source.data.user_data is not None:
        names.append("user_data")
    later = ((GRIZZLY, "password"), (HAVANA, "vendor_data.json"), (LIBERTY, "network_data.json"))
    names += [name for since, name in later if version >= since]
    if version >= NEWTON_TWO:
        names.append("vendor_data2.json")
    return names


def document(source: Source, version: str, name: str) -> tuple[str, bytes]:
    """Content type and body. KeyError when this version or guest has no such document."""
    version = _resolve(version)
    since, render = _DOCUMENTS[name]
    if version < since:
        raise KeyError(name)
    return render(source, version)


def content(source: Source, name: str) -> bytes:
    """A file of the user's by its number ("0000"). KeyError."""
    files = {f"{number:04}": file for number, file in enumerate(source.data.files)} if source.drive else {}
    return base64.b64decode(files[name].contents)


def _resolve(version: str) -> str:
    if version == "latest":
        return VERSIONS[-1]
    if version not in VERSIONS:
        raise KeyError(version)
    return version


def _meta_data(source: Source, version: str) -> tuple[str, bytes]:
    data = source.data
    meta: dict[str, Any] = {"uuid": data.server_id}
    if data.meta:
        meta["meta"] = data.meta
    if source.drive and data.files:
        meta["files"] = [
            {"path": file.path, "content_path": f"/content/{number:04}"} for number, file in enumerate(data.files)
        ]
    if source.drive and data.admin_password is not None:
        meta["admin_pass"] = data.admin_password
    if data.keys:
        meta["public_keys"] = {key.name: key.data for key in data.keys}
        meta["keys"] = [{"name": key.name, "type": key.type, "data": key.data} for key in data.keys]
    meta["hostname"] = data.hostname
    meta["name"] = data.name
    meta["launch_index"] = data.launch_index
    meta["availability_zone"] = data.availability_zone
    if version >= GRIZZLY:
        # New with each request, as upstream's: a guest may feed it into its own pool.
        meta["random_seed"] = data.random_seed or base64.b64encode(os.urandom(512)).decode()
    if version >= LIBERTY:
        meta["project_id"] = data.project_id
    if version >= NEWTON_ONE:
        meta["devices"] = data.devices
    if version >= VICTORIA:
        meta["dedicated_cpus"] = []
    return JSON, msgspec.json.encode(meta)


def _user_data(source: Source, version: str) -> tuple[str, bytes]:
    if source.data.user_data is None:
        raise KeyError("user_data")
    return TEXT, base64.b64decode(source.data.user_data)


def _password(source: Source, version: str) -> tuple[str, bytes]:
    if source.drive:
        raise KeyError("password")
    return TEXT, source.password.encode()


def _vendor_data(source: Source, version: str) -> tuple[str, bytes]:
    return JSON, msgspec.json.encode(source.vendor)


def _vendor_data2(source: Source, version: str) -> tuple[str, bytes]:
    return JSON, msgspec.json.encode({"static": source.vendor})


def _network_data(source: Source, version: str) -> tuple[str, bytes]:
    return JSON, msgspec.json.encode(network_data(source.guest))


_DOCUMENTS: dict[str, tuple[str, Callable[[Source, str], tuple[str, bytes]]]] = {
    "meta_data.json": (FOLSOM, _meta_data),
    "user_data": (FOLSOM, _user_data),
    "password": (GRIZZLY, _password),
    "vendor_data.json": (HAVANA, _vendor_data),
    "network_data.json": (LIBERTY, _network_data),
    "vendor_data2.json": (NEWTON_TWO, _vendor_data2),
}
