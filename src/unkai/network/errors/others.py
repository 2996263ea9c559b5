"""Refusals about subnet pools, tags, quotas, extensions and agents."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound


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
