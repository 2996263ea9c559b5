"""Cutting subnets out of subnet pools."""

from collections.abc import Sequence
from ipaddress import ip_network

import netaddr

from unkai.kernel.scope import Scope
from unkai.kernel.store import Tx
from unkai.network.errors import (
    HTTPBadRequest,
    MaxPrefixSubnetAllocationError,
    MinPrefixSubnetAllocationError,
    SubnetAllocationError,
    SubnetPoolNotFound,
    SubnetPoolQuotaExceeded,
)
from unkai.network.model import SubnetPool
from unkai.network.store import subnetpools, subnets


def pool_for(tx: Tx, scope: Scope, pool_id: str | None, ip_version: int) -> SubnetPool:
    """The named pool, or the default one of the version. Raises SubnetPoolNotFound, HTTPBadRequest."""
    if pool_id is None:
        pool_id = subnetpools.default(tx, ip_version)
        if pool_id is None:
            raise SubnetPoolNotFound(id=f"default for IPv{ip_version}")
        scope = Scope.system()
    pool = subnetpools.get(tx, scope, pool_id)
    if pool.ip_version != ip_version:
        raise HTTPBadRequest(reason=f"Subnet pool {pool.id} is not of IP version {ip_version}")
    return pool


def cut(tx: Tx, pool: SubnetPool, project_id: str, cidr: str | None, prefixlen: int | None) -> str:
    """A free prefix of the pool: the wanted one, or the first of the wanted length.

    Raises SubnetAllocationError, MinPrefixSubnetAllocationError, MaxPrefixSubnetAllocationError,
    SubnetPoolQuotaExceeded.
    """
    subnetpools.hold(tx, pool.id)
    taken = subnets.of_pool(tx, pool.id)
    length = ip_network(cidr, strict=False).prefixlen if cidr else prefixlen or pool.default_prefixlen
    if length < pool.min_prefixlen:
        raise MinPrefixSubnetAllocationError(length=length, least=pool.min_prefixlen)
    if length > pool.max_prefixlen:
        raise MaxPrefixSubnetAllocationError(length=length, most=pool.max_prefixlen)
    _quota(pool, project_id, taken, length)
    free = netaddr.IPSet(pool.prefixes) - netaddr.IPSet([other for _, other in taken])
    if cidr is not None:
        wanted = str(ip_network(cidr, strict=False))
        if netaddr.IPNetwork(wanted) not in free:
            raise SubnetAllocationError(reason="Cannot allocate requested subnet from the available set of prefixes")
        return wanted
    for block in sorted(free.iter_cidrs(), key=lambda block: (-block.prefixlen, block)):
        if block.prefixlen <= length:
            return str(next(block.subnet(length)))
    raise SubnetAllocationError(reason=f"Insufficient prefix space to allocate subnet size /{length}")


def _quota(pool: SubnetPool, project_id: str, taken: Sequence[tuple[str, str]], length: int) -> None:
    """Upstream counts addresses for IPv4 and /64s for IPv6."""
    if pool.default_quota is None:
        return
    unit = 32 if pool.ip_version == 4 else 64
    used = sum(2 ** max(0, unit - ip_network(cidr).prefixlen) for owner, cidr in taken if owner == project_id)
    if used + 2 ** max(0, unit - length) > pool.default_quota:
        raise SubnetPoolQuotaExceeded()
