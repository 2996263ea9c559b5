"""Refusals about networks."""

from unkai.kernel.errors import Conflict, NotFound, ServiceUnavailable


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
