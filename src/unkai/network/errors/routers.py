"""Refusals about routers and floating IPs."""

from unkai.kernel.errors import BadRequest, Conflict, NotFound


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
