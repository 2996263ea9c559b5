"""SimpleCIDRAffinityFilter (SCHED-025)."""

import ipaddress

from unkai.scheduler.errors import InvalidHint
from unkai.scheduler.filters.base import Filter
from unkai.scheduler.hosts import HostState
from unkai.scheduler.model import PlaceRequest, Why

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SimpleCIDRAffinityFilter(Filter):
    """Refuses hosts outside of the subnet of the hints build_near_host_ip and cidr (default /24)."""

    name = "SimpleCIDRAffinityFilter"

    def relevant(self, request: PlaceRequest) -> bool:
        return "build_near_host_ip" in request.hints

    def refuse(self, host: HostState, request: PlaceRequest) -> Why | None:
        near = _network(_one(request.hints["build_near_host_ip"]), _one(request.hints.get("cidr", "/24")))
        try:
            if ipaddress.ip_address(host.host_ip) in near:
                return None
        except ValueError:
            pass  # a host that reported no address is in no subnet
        return Why(f"an address in {near}", host.host_ip or "none")


def _one(value: object) -> str:
    """A hint given once may come as a list of one."""
    return str(value[0]) if isinstance(value, list | tuple) and value else str(value)


def _network(address: str, prefix: str) -> Network:
    """Raises InvalidHint."""
    try:
        return ipaddress.ip_network(f"{address}/{prefix.lstrip('/')}", strict=False)
    except ValueError as error:
        raise InvalidHint(hint="build_near_host_ip", reason=str(error)) from error
