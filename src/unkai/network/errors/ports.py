"""Refusals about ports."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound, ServiceUnavailable


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
