"""The room's nouns, under the names of upstream's API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from unkai.kernel.paging import Page

Direction = Literal["ingress", "egress"]
EtherType = Literal["IPv4", "IPv6"]

# Device owners: who a port serves.
ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING_IP = "network:floatingip"
DISTRIBUTED = "network:distributed"  # the port of a network at which hosts answer metadata requests
DHCP = "network:dhcp"
COMPUTE = "compute:"
NOT_ATTACHED = -1
# Ports of the system that go with their network or subnet.
AUTO_DELETED = (DHCP, DISTRIBUTED)

AUTOMATIC_MODES = ("slaac", "dhcpv6-stateless")  # guests make their IPv6 address from their MAC


class Network(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    shared: bool
    external: bool = msgspec.field(name="router:external")
    is_default: bool
    mtu: int
    port_security_enabled: bool
    network_type: str = msgspec.field(name="provider:network_type")
    physical_network: str | None = msgspec.field(name="provider:physical_network")
    segmentation_id: int | None = msgspec.field(name="provider:segmentation_id")
    created_at: datetime
    updated_at: datetime
    revision_number: int
    subnets: list[str] = []
    tags: list[str] = []


class Pool(msgspec.Struct, frozen=True, order=True):
    """A range of addresses, both ends included."""

    start: str
    end: str


class HostRoute(msgspec.Struct, frozen=True, order=True):
    destination: str
    nexthop: str


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    network_id: str
    name: str
    description: str
    ip_version: int
    cidr: str
    gateway_ip: str | None
    enable_dhcp: bool
    ipv6_ra_mode: str | None
    ipv6_address_mode: str | None
    allocation_pools: list[Pool]
    dns_nameservers: list[str]
    host_routes: list[HostRoute]
    service_types: list[str]
    subnetpool_id: str | None
    created_at: datetime
    updated_at: datetime
    revision_number: int
    tags: list[str] = []
    network_project_id: str = ""
    network_shared: bool = False

    @property
    def automatic(self) -> bool:
        """Whether guests make their address from their MAC (SLAAC, stateless DHCPv6)."""
        return self.ip_version == 6 and self.ipv6_address_mode in AUTOMATIC_MODES


class FixedIp(msgspec.Struct, frozen=True):
    subnet_id: str
    ip_address: str


class AddressPair(msgspec.Struct, frozen=True):
    """What else may come out of a port: an address or CIDR with a MAC (None at the entry: the port's own)."""

    ip_address: str
    mac_address: str | None = None


class DhcpOption(msgspec.Struct, frozen=True):
    """One more DHCP option for a port; `opt_value` None in an update takes the option away."""

    opt_name: str
    opt_value: str | None
    ip_version: int = 4


class Port(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    network_id: str
    name: str
    description: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str
    port_security_enabled: bool
    host: str = msgspec.field(name="binding:host_id")
    chassis: str
    vnic_type: str = msgspec.field(name="binding:vnic_type")
    profile: dict[str, Any] = msgspec.field(name="binding:profile")
    allowed_address_pairs: list[AddressPair]
    extra_dhcp_opts: list[DhcpOption]
    owned_by_device: bool
    position: int
    created_at: datetime
    updated_at: datetime
    revision_number: int
    fixed_ips: list[FixedIp] = []
    security_groups: list[str] = []
    tags: list[str] = []
    network_project_id: str = ""
    network_shared: bool = False

    @property
    def attached(self) -> bool:
        """Whether the cloud itself gave the port to its device. What users write into `device_id` is only a word:
        nobody gets an interface into another's server or router by it."""
        return self.position >= 0

    def serves(self, *owners: str) -> bool:
        """Whether the cloud made the port for one of these purposes."""
        return self.attached and self.device_owner in owners


class SecurityGroupRule(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    security_group_id: str
    description: str
    direction: Direction
    ethertype: EtherType
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    normalized_cidr: str | None
    remote_group_id: str | None
    created_at: datetime
    updated_at: datetime
    revision_number: int
    tags: list[str] = []


class SecurityGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str
    stateful: bool
    created_at: datetime
    updated_at: datetime
    revision_number: int
    security_group_rules: list[SecurityGroupRule] = []
    tags: list[str] = []


class Gateway(msgspec.Struct, frozen=True):
    network_id: str
    enable_snat: bool
    external_fixed_ips: list[FixedIp]


class Router(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    gateway_port_id: str | None
    enable_snat: bool
    routes: list[HostRoute]
    created_at: datetime
    updated_at: datetime
    revision_number: int
    external_gateway_info: Gateway | None = None
    tags: list[str] = []


class PortDetails(msgspec.Struct, frozen=True):
    """The port behind a floating IP, as upstream shows it there."""

    name: str
    network_id: str
    mac_address: str
    admin_state_up: bool
    status: str
    device_id: str
    device_owner: str


class FloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    description: str
    floating_network_id: str
    floating_port_id: str
    floating_ip_address: str
    port_id: str | None
    fixed_ip_address: str | None
    router_id: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    revision_number: int
    port_details: PortDetails | None = None
    tags: list[str] = []


class SubnetPool(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str
    ip_version: int
    prefixes: list[str]
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    default_quota: int | None
    shared: bool
    is_default: bool
    created_at: datetime
    updated_at: datetime
    revision_number: int
    tags: list[str] = []


class Listing(msgspec.Struct, frozen=True):
    """What of a list is wanted: each filter's values are alternatives, different filters must all hold."""

    filters: Mapping[str, tuple[Any, ...]] = {}
    page: Page = Page()


EVERYTHING = Listing()
