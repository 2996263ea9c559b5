"""What Compute is told when a server cannot be connected."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound


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
