"""Subnet pools: prefixes that subnets are cut from."""

from collections.abc import Sequence
from ipaddress import ip_network

import msgspec
import netaddr
from msgspec import UNSET, UnsetType

from unkai.kernel.context import Context
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    EmptySubnetPoolPrefixList,
    HTTPBadRequest,
    IllegalSubnetPoolPrefixBounds,
    IllegalSubnetPoolPrefixUpdate,
    PrefixVersionMismatch,
    SubnetPoolDeleteError,
)
from unkai.network.model import SubnetPool
from unkai.network.service.access import changed, reserve
from unkai.network.store import common, subnetpools, subnets


class NewSubnetPool(msgspec.Struct, frozen=True, kw_only=True):
    """Prefix lengths that are not given follow from the version: 8 (IPv6: 64) to 32 (128)."""

    project_id: str
    name: str
    prefixes: list[str]
    description: str = ""
    min_prefixlen: int | None = None
    max_prefixlen: int | None = None
    default_prefixlen: int | None = None
    default_quota: int | None = None
    shared: bool = False
    is_default: bool = False
    tags: list[str] = []


class SubnetPoolChange(msgspec.Struct, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    prefixes: list[str] | UnsetType = UNSET
    min_prefixlen: int | UnsetType = UNSET
    max_prefixlen: int | UnsetType = UNSET
    default_prefixlen: int | UnsetType = UNSET
    default_quota: int | UnsetType | None = UNSET
    is_default: bool | UnsetType = UNSET


def create(tx: Tx, kit: Kit, context: Context, new: NewSubnetPool) -> SubnetPool:
    """Raises OverQuota, HTTPBadRequest, IllegalSubnetPoolPrefixBounds."""
    reserve(tx, kit, new.project_id, subnetpool=1)
    version = _version(new.prefixes)
    shortest, longest = (8, 32) if version == 4 else (64, 128)
    low = shortest if new.min_prefixlen is None else new.min_prefixlen
    high = longest if new.max_prefixlen is None else new.max_prefixlen
    default = low if new.default_prefixlen is None else new.default_prefixlen
    _check_lengths(version, low, high, default)
    if new.is_default:
        _only_default(tx, version)
    id = new_uuid()
    subnetpools.insert(
        tx,
        {
            "id": id,
            "project_id": new.project_id,
            "name": new.name,
            "description": new.description,
            "ip_version": version,
            "prefixes": _compact(new.prefixes),
            "min_prefixlen": low,
            "max_prefixlen": high,
            "default_prefixlen": default,
            "default_quota": new.default_quota,
            "shared": new.shared,
            "is_default": new.is_default,
        },
    )
    common.set_tags(tx, id, new.tags)
    return subnetpools.get(tx, Scope.system(), id)


def update(tx: Tx, kit: Kit, context: Context, pool: SubnetPool, change: SubnetPoolChange) -> SubnetPool:
    """Raises IllegalSubnetPoolPrefixUpdate, IllegalSubnetPoolPrefixBounds, HTTPBadRequest."""
    subnetpools.hold(tx, pool.id)
    values = changed(change)
    if change.prefixes is not UNSET:
        if _version(change.prefixes) != pool.ip_version or not netaddr.IPSet(pool.prefixes).issubset(
            netaddr.IPSet(change.prefixes)
        ):
            raise IllegalSubnetPoolPrefixUpdate()
        values["prefixes"] = _compact(change.prefixes)
    low, high, default = (
        values.get(name, getattr(pool, name)) for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen")
    )
    _check_lengths(pool.ip_version, low, high, default)
    if change.is_default is True and not pool.is_default:
        _only_default(tx, pool.ip_version)
    subnetpools.update(tx, pool.id, values)
    return subnetpools.get(tx, Scope.system(), pool.id)


def delete(tx: Tx, kit: Kit, context: Context, pool: SubnetPool) -> None:
    """Raises SubnetPoolDeleteError."""
    subnetpools.hold(tx, pool.id)
    if subnets.of_pool(tx, pool.id):
        raise SubnetPoolDeleteError(reason="Subnet pool has existing allocations")
    subnetpools.delete(tx, pool.id)


def _version(prefixes: Sequence[str]) -> int:
    versions = {ip_network(prefix, strict=False).version for prefix in prefixes}
    if not versions:
        raise EmptySubnetPoolPrefixList()
    if len(versions) > 1:
        raise PrefixVersionMismatch()
    return versions.pop()


def _compact(prefixes: Sequence[str]) -> list[str]:
    return [str(block) for block in netaddr.IPSet(prefixes).iter_cidrs()]


def _check_lengths(version: int, low: int, high: int, default: int) -> None:
    longest = 32 if version == 4 else 128
    if high > longest:
        raise IllegalSubnetPoolPrefixBounds(kind="max_prefixlen", value=high, base_kind="ip_version_max", base=longest)
    if low > high:
        raise IllegalSubnetPoolPrefixBounds(kind="min_prefixlen", value=low, base_kind="max_prefixlen", base=high)
    if not low <= default <= high:
        base = "min_prefixlen" if default < low else "max_prefixlen"
        bound = low if default < low else high
        raise IllegalSubnetPoolPrefixBounds(kind="default_prefixlen", value=default, base_kind=base, base=bound)


def _only_default(tx: Tx, version: int) -> None:
    common.hold(tx, f"default-subnetpool:{version}")
    if subnetpools.default(tx, version) is not None:
        raise HTTPBadRequest(
            reason=f"A default subnetpool for this IP family has already been set. Version: {version}"
        )
