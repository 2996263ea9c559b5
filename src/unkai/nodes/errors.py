"""Refusals of the nodes room."""

from unkai.kernel.errors import BadRequest, Conflict, Forbidden, NotFound, ServiceUnavailable


class HostNotFound(NotFound):
    code = "nodes.host_not_found"
    text = "Compute host {host} could not be found."
    remedy = "List hosts with `openstack compute service list`."


class ServiceNotFound(NotFound):
    code = "nodes.service_not_found"
    text = "Service {service_id} could not be found."
    remedy = "List services with `openstack compute service list`."


class HostUnreachable(ServiceUnavailable):
    code = "nodes.host_unreachable"
    text = "Host {host} did not answer: {reason}"
    remedy = "Look at the host with `unkai status`; its agent may be down."


class StaleWork(Conflict):
    code = "nodes.stale_step"
    text = "Step {step_id} does not belong to this host at this generation."
    remedy = "The host drops the step: somebody else goes on with it."


class NotYourBusiness(Forbidden):
    code = "nodes.not_your_business"
    text = "This host has no right to {what}."
    remedy = "A host reaches only what its own steps need."


class UnknownPeer(Forbidden):
    code = "nodes.unknown_peer"
    text = "The caller of the node channel is not a host of this cloud."
    remedy = "Run the agent as root on this machine."


class AggregateNotFound(NotFound):
    code = "nodes.aggregate_not_found"
    text = "Aggregate {aggregate_id} could not be found."
    remedy = "List aggregates with `openstack aggregate list`."


class AggregateNameExists(Conflict):
    code = "nodes.aggregate_name_exists"
    text = "Aggregate {name} already exists."
    remedy = "Choose another name."


class AggregateHostExists(Conflict):
    code = "nodes.aggregate_host_exists"
    text = "Aggregate {aggregate_id} already has host {host}."
    remedy = "Nothing is to be done: the host is a member."


class AggregateHostNotFound(NotFound):
    code = "nodes.aggregate_host_not_found"
    text = "Aggregate {aggregate_id} has no host {host}."
    remedy = "Show the aggregate for its hosts."


class AggregateInvalid(BadRequest):
    code = "nodes.aggregate_invalid"
    text = "Cannot {action} aggregate '{name}': {reason}"
    remedy = "Change the aggregate or its hosts as the message says."


class AggregateConflict(Conflict):
    code = "nodes.aggregate_conflict"
    text = "Cannot {action} aggregate '{name}': {reason}"
    remedy = "Change the aggregate or its hosts as the message says."
