"""Refusals about security groups and their rules."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound


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
