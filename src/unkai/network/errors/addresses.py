"""Refusals about subnets and addresses."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound


class SubnetNotFound(NotFound):
    code = "network.subnet_not_found"
    text = "Subnet {id} could not be found."


class SubnetInUse(Conflict):
    code = "network.subnet_in_use"
    text = "Unable to complete operation on subnet {id}: One or more ports have an IP allocation from this subnet."


class InvalidAllocationPool(BadRequest):
    code = "network.invalid_allocation_pool"
    text = "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(BadRequest):
    code = "network.out_of_bounds_allocation_pool"
    text = "The allocation pool {pool} spans beyond the subnet cidr {cidr}."


class OverlappingAllocationPools(Conflict):
    code = "network.overlapping_allocation_pools"
    text = "Found overlapping allocation pools: {first} {second} for subnet {cidr}."


class GatewayConflictWithAllocationPools(Conflict):
    code = "network.gateway_conflict_with_allocation_pools"
    text = "Gateway ip {ip} conflicts with allocation pool {pool}."


class GatewayIpInUse(Conflict):
    code = "network.gateway_ip_in_use"
    text = "Current gateway ip {ip} already in use by port {port_id}. Unable to update."


class DNSNameServersExhausted(BadRequest):
    code = "network.dns_name_servers_exhausted"
    text = "Unable to complete operation for {id}. The number of DNS nameservers exceeds the limit {limit}."


class HostRoutesExhausted(BadRequest):
    code = "network.host_routes_exhausted"
    text = "Unable to complete operation for {id}. The number of host routes exceeds the limit {limit}."


class InvalidIpForNetwork(BadRequest):
    code = "network.invalid_ip_for_network"
    text = "IP address {ip} is not a valid IP for any of the subnets on the specified network."


class InvalidIpForSubnet(BadRequest):
    code = "network.invalid_ip_for_subnet"
    text = "IP address {ip} is not a valid IP for the specified subnet."


class IpAddressAlreadyAllocated(Conflict):
    code = "network.ip_address_already_allocated"
    text = "IP address {ip} already allocated in subnet {subnet_id}"


class IpAddressGenerationFailure(Conflict):
    code = "network.ip_address_generation_failure"
    text = "No more IP addresses available on network {id}."
    remedy = "Delete unused ports or add a subnet to the network."


class AllocationOnAutoAddressSubnet(BadRequest):
    code = "network.allocation_on_auto_address_subnet"
    text = (
        "IPv6 address {ip} can not be directly assigned to a port on subnet {subnet_id} since the subnet is "
        "configured for automatic addresses"
    )
