"""Refusals of the room. Classes are named as upstream's exceptions, which {"NeutronError": {"type": ...}} shows."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound, ServiceUnavailable


class HTTPBadRequest(BadRequest):
    code = "network.bad_request"
    text = "{reason}"


class InvalidInput(BadRequest):
    code = "network.invalid_input"
    text = "Invalid input for operation: {reason}."
    remedy = "Correct the value that the message names."


class OverQuota(Conflict):
    code = "network.over_quota"
    text = "Quota exceeded for resources: {overs}."
    remedy = "Delete what is not needed or ask an administrator to raise the quota."


class NotFoundById(NotFound):
    code = "network.not_found"
    text = "The resource {id} could not be found."


# ---- networks -------------------------------------------------------------------------------------


class NetworkNotFound(NotFound):
    code = "network.network_not_found"
    text = "Network {id} could not be found."


class NetworkInUse(Conflict):
    code = "network.network_in_use"
    text = (
        "Unable to complete operation on network {id}. There are one or more ports still in use on the network, id "
        "for these ports is: {ports}."
    )
    remedy = "Delete the ports, or the servers and routers they belong to."


class NetworkMTUSubnetConflict(Conflict):
    code = "network.network_mtu_subnet_conflict"
    text = "MTU of {id} is not valid, subnet requires a minimum of {mtu}"


class InvalidSharedSetting(Conflict):
    code = "network.invalid_shared_setting"
    text = "Unable to reconfigure sharing settings for network {id}. Multiple tenants are using it."


class ExternalNetworkInUse(Conflict):
    code = "network.external_network_in_use"
    text = (
        "External network {id} cannot be updated to be made non-external, since it has existing gateway ports or "
        "floating IPs."
    )


class FlatNetworkInUse(Conflict):
    code = "network.flat_network_in_use"
    text = "Unable to create the flat network. Physical network {physical_network} is in use."


class VlanIdInUse(Conflict):
    code = "network.vlan_id_in_use"
    text = "Unable to create the network. The VLAN {vlan_id} on physical network {physical_network} is in use."


class TunnelIdInUse(Conflict):
    code = "network.tunnel_id_in_use"
    text = "Unable to create the network. The tunnel ID {tunnel_id} is in use."


class NoNetworkAvailable(ServiceUnavailable):
    code = "network.no_network_available"
    text = "Unable to create the network. No tenant network is available for allocation."
    remedy = "Widen [ml2_type_geneve] vni_ranges or [ml2_type_vlan] network_vlan_ranges."


class DefaultExternalNetworkExists(Conflict):
    code = "network.default_external_network_exists"
    text = "A default external network already exists: {id}."


# ---- subnets and addresses ------------------------------------------------------------------------


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


# ---- ports ----------------------------------------------------------------------------------------


class PortNotFound(NotFound):
    code = "network.port_not_found"
    text = "Port {id} could not be found."


class PortInUse(Conflict):
    code = "network.port_in_use"
    text = (
        "Unable to complete operation on port {id} for network {network_id}. Port already has an attached device "
        "{device_id}."
    )


class PortBound(Conflict):
    code = "network.port_bound"
    text = (
        "Unable to complete operation on port {id}, port is already bound, port type: {vif_type}, old_mac {old_mac}, "
        "new_mac {new_mac}."
    )


class ServicePortInUse(Conflict):
    code = "network.service_port_in_use"
    text = "Port {id} cannot be deleted directly via the port API: {reason}."


class MacAddressInUse(Conflict):
    code = "network.mac_address_in_use"
    text = "Unable to complete operation for network {network_id}. The mac address {mac} is in use."


class MacAddressGenerationFailure(ServiceUnavailable):
    code = "network.mac_address_generation_failure"
    text = "Unable to generate unique mac on network {network_id}."


class PortSecurityAndIPRequiredForSecurityGroups(BadRequest):
    code = "network.port_security_and_ip_required_for_security_groups"
    text = "Port security must be enabled and port must have an IP address in order to use security groups."


class PortSecurityPortHasSecurityGroup(Conflict):
    code = "network.port_security_port_has_security_group"
    text = (
        "Port has security group associated. Cannot disable port security or IP address until security group is "
        "removed."
    )


class AddressPairAndPortSecurityRequired(Conflict):
    code = "network.address_pair_and_port_security_required"
    text = "Port Security must be enabled in order to have allowed address pairs on a port."


class DuplicateAddressPairInRequest(BadRequest):
    code = "network.duplicate_address_pair_in_request"
    text = "Request contains duplicate address pair: mac_address {mac} ip_address {ip}."


class AddressPairsExhausted(BadRequest):
    code = "network.address_pairs_exhausted"
    text = "The number of allowed address pair exceeds the maximum {quota}."


# ---- security groups ------------------------------------------------------------------------------


class SecurityGroupNotFound(NotFound):
    code = "network.security_group_not_found"
    text = "Security group {id} does not exist"


class SecurityGroupInUse(Conflict):
    code = "network.security_group_in_use"
    text = "Security Group {id} in use."


class SecurityGroupDefaultAlreadyExists(Conflict):
    code = "network.security_group_default_already_exists"
    text = "Default security group already exists."


class SecurityGroupCannotUpdateDefault(Conflict):
    code = "network.security_group_cannot_update_default"
    text = "Updating default security group not allowed."


class SecurityGroupCannotRemoveDefault(Conflict):
    code = "network.security_group_cannot_remove_default"
    text = "Insufficient rights for removing default security group."


class SecurityGroupConflict(Conflict):
    code = "network.security_group_conflict"
    text = "Error {reason} while attempting the operation."


class InvalidCIDR(BadRequest):
    code = "network.invalid_cidr"
    text = "Invalid CIDR {cidr} given as IP prefix."


class SecurityGroupRuleNotFound(NotFound):
    code = "network.security_group_rule_not_found"
    text = "Security group rule {id} does not exist"


class SecurityGroupRuleExists(Conflict):
    code = "network.security_group_rule_exists"
    text = "Security group rule already exists. Rule id is {id}."


class DuplicateSecurityGroupRuleInPost(Conflict):
    code = "network.duplicate_security_group_rule_in_post"
    text = "Duplicate Security Group Rule in POST."


class SecurityGroupRuleInvalidProtocol(BadRequest):
    code = "network.security_group_rule_invalid_protocol"
    text = (
        "Security group rule protocol {protocol} not supported. Only protocol values {values} and integer "
        "representations [0 to 255] are supported."
    )


class SecurityGroupRemoteGroupAndRemoteIpPrefix(BadRequest):
    code = "network.security_group_remote_group_and_remote_ip_prefix"
    text = "Only remote_ip_prefix or remote_group_id may be provided."


class SecurityGroupProtocolRequiredWithPorts(BadRequest):
    code = "network.security_group_protocol_required_with_ports"
    text = "Must also specify protocol if port range is given."


class SecurityGroupInvalidPortRange(BadRequest):
    code = "network.security_group_invalid_port_range"
    text = "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidPortValue(BadRequest):
    code = "network.security_group_invalid_port_value"
    text = "Invalid value for port {port}"


class SecurityGroupInvalidProtocolForPort(BadRequest):
    code = "network.security_group_invalid_protocol_for_port"
    text = "Invalid protocol {protocol} for port range, only supported for TCP, UDP, UDPLITE, SCTP and DCCP."


class SecurityGroupInvalidIcmpValue(BadRequest):
    code = "network.security_group_invalid_icmp_value"
    text = "Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255."


class SecurityGroupMissingIcmpType(BadRequest):
    code = "network.security_group_missing_icmp_type"
    text = "ICMP code (port-range-max) {value} is provided but ICMP type (port-range-min) is missing."


class SecurityGroupRuleParameterConflict(BadRequest):
    code = "network.security_group_rule_parameter_conflict"
    text = "Conflicting value ethertype {ethertype} for CIDR {cidr}"


class SecurityGroupEthertypeConflictWithProtocol(BadRequest):
    code = "network.security_group_ethertype_conflict_with_protocol"
    text = "Invalid ethertype {ethertype} for protocol {protocol}."


# ---- routers and floating IPs ---------------------------------------------------------------------


class RouterNotFound(NotFound):
    code = "network.router_not_found"
    text = "Router {id} could not be found"


class RouterInUse(Conflict):
    code = "network.router_in_use"
    text = "Router {id} still has ports"


class RouterInterfaceNotFound(NotFound):
    code = "network.router_interface_not_found"
    text = "Router {id} does not have an interface with id {port_id}"


class RouterInterfaceNotFoundForSubnet(NotFound):
    code = "network.router_interface_not_found_for_subnet"
    text = "Router {id} has no interface on subnet {subnet_id}"


class RouterInterfaceInUseByFloatingIP(Conflict):
    code = "network.router_interface_in_use_by_floating_ip"
    text = (
        "Router interface for subnet {subnet_id} on router {id} cannot be deleted, as it is required by one or more "
        "floating IPs."
    )


class RouterInterfaceInUseByRoute(Conflict):
    code = "network.router_interface_in_use_by_route"
    text = (
        "Router interface for subnet {subnet_id} on router {id} cannot be deleted, as it is required by one or more "
        "routes."
    )


class RouterExternalGatewayInUseByFloatingIp(Conflict):
    code = "network.router_external_gateway_in_use_by_floating_ip"
    text = (
        "Gateway cannot be updated for router {id}, since a gateway to external network {network_id} is required by "
        "one or more floating IPs."
    )


class SubnetMismatchForPort(BadRequest):
    code = "network.subnet_mismatch_for_port"
    text = "Subnet on port {port_id} does not match the requested subnet {subnet_id}."


class InvalidRoutes(BadRequest):
    code = "network.invalid_routes"
    text = "Invalid format for routes: {routes}, {reason}"


class RoutesExhausted(BadRequest):
    code = "network.routes_exhausted"
    text = "Unable to complete operation for {id}. The number of routes exceeds the maximum {quota}."


class FloatingIPNotFound(NotFound):
    code = "network.floating_ip_not_found"
    text = "Floating IP {id} could not be found"


class ExternalGatewayForFloatingIPNotFound(NotFound):
    code = "network.external_gateway_for_floating_ip_not_found"
    text = (
        "External network {network_id} is not reachable from subnet {subnet_id}.  Therefore, cannot associate Port "
        "{port_id} with a Floating IP."
    )


class FloatingIPPortAlreadyAssociated(Conflict):
    code = "network.floating_ip_port_already_associated"
    text = (
        "Cannot associate floating IP {ip} ({id}) with port {port_id} using fixed IP {fixed_ip}, as that fixed IP "
        "already has a floating IP on external network {network_id}."
    )


# ---- the rest -------------------------------------------------------------------------------------


class SubnetPoolNotFound(NotFound):
    code = "network.subnet_pool_not_found"
    text = "Subnet pool {id} could not be found."


class SubnetPoolDeleteError(BadRequest):
    code = "network.subnet_pool_delete_error"
    text = "Unable to delete subnet pool: {reason}."


class EmptySubnetPoolPrefixList(BadRequest):
    code = "network.empty_subnet_pool_prefix_list"
    text = "Empty subnet pool prefix list."


class PrefixVersionMismatch(BadRequest):
    code = "network.prefix_version_mismatch"
    text = "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."


class MinPrefixSubnetAllocationError(BadRequest):
    code = "network.min_prefix_subnet_allocation_error"
    text = "Unable to allocate subnet with prefix length {length}, minimum allowed prefix is {least}."


class MaxPrefixSubnetAllocationError(BadRequest):
    code = "network.max_prefix_subnet_allocation_error"
    text = "Unable to allocate subnet with prefix length {length}, maximum allowed prefix is {most}."


class NetworkSubnetPoolAffinityError(BadRequest):
    code = "network.network_subnet_pool_affinity_error"
    text = "Subnets hosted on the same network must be allocated from the same subnet pool."


class SubnetAllocationError(Conflict):
    code = "network.subnet_allocation_error"
    text = "Failed to allocate subnet: {reason}."


class SubnetPoolQuotaExceeded(Conflict):
    code = "network.subnet_pool_quota_exceeded"
    text = "Per-tenant subnet pool prefix quota exceeded."


class IllegalSubnetPoolPrefixBounds(BadRequest):
    code = "network.illegal_subnet_pool_prefix_bounds"
    text = "Illegal prefix bounds: {kind}={value}, {base_kind}={base}."


class IllegalSubnetPoolPrefixUpdate(BadRequest):
    code = "network.illegal_subnet_pool_prefix_update"
    text = "Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes."


class TagNotFound(NotFound):
    code = "network.tag_not_found"
    text = "Tag {tag} could not be found."


class TenantQuotaNotFound(NotFound):
    code = "network.tenant_quota_not_found"
    text = "Quota for tenant {id} could not be found."


class ExtensionNotFound(NotFound):
    code = "network.extension_not_found"
    text = "Extension with alias {alias} does not exist"


class AgentNotFound(NotFound):
    code = "network.agent_not_found"
    text = "Agent {id} could not be found."


# ---- what Compute is told -------------------------------------------------------------------------


class NetworkAmbiguous(Conflict):
    code = "network.network_ambiguous"
    text = "Multiple possible networks found, use a Network ID to be more specific."
    remedy = "Name the networks of the server."


class NetworkRequiresSubnet(BadRequest):
    code = "network.network_requires_subnet"
    text = "Network {id} requires a subnet in order to boot instances on."
    remedy = "Create a subnet on the network."


class ExternalNetworkAttachForbidden(Conflict):
    code = "network.external_network_attach_forbidden"
    status = 403
    title = "Forbidden"
    text = "It is not allowed to create an interface on external network {id}"
    remedy = "Attach the server to a project network and give it a floating IP."


class PortRequiresFixedIP(BadRequest):
    code = "network.port_requires_fixed_ip"
    text = "Port {id} requires a FixedIP in order to be used."


class PortNotUsable(BadRequest):
    code = "network.port_not_usable"
    text = "Port {id} not usable for instance {server_id}."


class FixedIpAlreadyInUse(Conflict):
    code = "network.fixed_ip_already_in_use"
    status = 400
    title = "Bad Request"
    text = "Fixed IP address {ip} is already in use on instance {server_id}."


class NoUniqueSecurityGroup(Conflict):
    code = "network.no_unique_security_group"
    text = "Multiple security groups found matching '{name}'. Use an ID to be more specific."


class SecurityGroupNotAttached(NotFound):
    code = "network.security_group_not_attached"
    text = "Security group {id} not associated with the instance {server_id}"


class RevisionNumberConstraintFailed(Conflict):
    code = "network.revision_number_constraint_failed"
    status = 412
    title = "Precondition Failed"
    text = "Constrained to {expected}, but current revision is {current}"
    remedy = "Read the resource again and decide anew."
