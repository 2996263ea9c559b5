"""Refusals of Compute and upstream's error bodies: {"itemNotFound": {"code": 404, "message": ...}}."""

import msgspec

from unkai.kernel import errors
from unkai.kernel.web import ErrorView

# Names of upstream's fault bodies by status; every other status is a computeFault.
FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def render_error(view: ErrorView) -> tuple[str, bytes]:
    """Content type and body of an error as upstream's Compute prints it."""
    fault: dict[str, object] = {"code": view.status, "message": view.message}
    if view.status in (413, 429):
        fault["retryAfter"] = 0
    return "application/json", msgspec.json.encode({FAULTS.get(view.status, "computeFault"): fault})


class InvalidField(errors.InvalidBody):
    code = "compute.invalid_field"
    text = "Invalid input for field/attribute {field}. Value: {value}. {reason}"


class UnknownAction(errors.BadRequest):
    code = "compute.unknown_action"
    text = "There is no such action: {action}"
    remedy = "See the README for the actions that exist."


class MalformedAction(errors.BadRequest):
    code = "compute.malformed_action"
    text = "Malformed request body"
    remedy = "Send one object whose only key is the name of the action."


class WrongProjectInUrl(errors.BadRequest):
    code = "compute.wrong_project_in_url"
    text = "Malformed request URL: URL's project_id '{url}' doesn't match Context's project_id '{own}'"
    remedy = "Leave the project out of the URL, or use the one your token is for."


class MarkerNotFound(errors.BadRequest):
    code = "compute.marker_not_found"
    text = "Marker {marker} could not be found."
    remedy = "Start the list again without a marker."


class OverQuota(errors.QuotaExceeded):
    code = "compute.over_quota"
    text = "Quota exceeded for {resources}: Requested {requested}, but already used {used} of {limit} {resources}"


class QuotaReached(errors.QuotaExceeded):
    code = "compute.quota_reached"
    text = "Quota exceeded, too many {what}."


class LimitReached(errors.Forbidden):
    code = "compute.limit_reached"
    text = "{reason}"
    remedy = "Send less in one request, or ask an administrator to raise the quota."


class QuotaBelowUse(errors.BadRequest):
    code = "compute.quota_below_use"
    text = "{reason}"
    remedy = "Choose a limit that what is used now fits into, or send force."


# --- flavors


class FlavorNotFound(errors.NotFound):
    code = "compute.flavor_not_found"
    text = "Flavor {flavor} could not be found."


class FlavorExists(errors.Conflict):
    code = "compute.flavor_exists"
    text = "Flavor with name {name} already exists."


class FlavorIdExists(errors.Conflict):
    code = "compute.flavor_id_exists"
    text = "Flavor with ID {flavor} already exists."


class FlavorAccessExists(errors.Conflict):
    code = "compute.flavor_access_exists"
    text = "Flavor access already exists for flavor {flavor} and project {project} combination."


class FlavorAccessNotFound(errors.NotFound):
    code = "compute.flavor_access_not_found"
    text = "Flavor access not found for {flavor} / {project} combination."


class PublicFlavor(errors.Conflict):
    code = "compute.public_flavor"
    text = "Can not add access to a public flavor."
    remedy = "Access lists belong to private flavors only."


class NoAccessList(errors.NotFound):
    code = "compute.no_access_list"
    text = "Access list not available for public flavors."


class ExtraSpecNotFound(errors.NotFound):
    code = "compute.extra_spec_not_found"
    text = "Flavor {flavor} has no extra specs with key {key}."


class InvalidExtraSpec(errors.BadRequest):
    code = "compute.invalid_extra_spec"
    text = "Validation failed; {reason}"
    remedy = "Use a known key of the namespace with a value of its kind, or a key outside of the known namespaces."


class UnknownProject(errors.BadRequest):
    code = "compute.unknown_project"
    text = "Project ID {project} is not a valid project."
    remedy = "List the projects with the Identity API."


class ExtensionNotFound(errors.NotFound):
    code = "compute.extension_not_found"
    text = "The resource could not be found."


# --- key pairs


class KeyPairNotFound(errors.NotFound):
    code = "compute.keypair_not_found"
    text = "Keypair {name} not found for user {user}"


class KeyPairExists(errors.Conflict):
    code = "compute.keypair_exists"
    text = "Key pair '{name}' already exists."


class InvalidKeyPair(errors.BadRequest):
    code = "compute.invalid_keypair"
    text = "Keypair data is invalid: {reason}"
    remedy = "Send an OpenSSH public key (or an X.509 certificate in PEM form with type x509)."


# --- server groups


class ServerGroupNotFound(errors.NotFound):
    code = "compute.server_group_not_found"
    text = "Instance group {group} could not be found."


# --- servers


class ServerNotFound(errors.NotFound):
    code = "compute.server_not_found"
    text = "Instance {server} could not be found."


class WrongState(errors.Conflict):
    code = "compute.wrong_state"
    text = "Cannot '{action}' instance {server} while it is in {attribute} {state}"
    remedy = "Wait until the server is in a state from which the action is allowed."


class ServerLocked(errors.Conflict):
    code = "compute.server_locked"
    text = "Instance {server} is locked"
    remedy = "Unlock the server first."


class ServerNotReady(errors.Conflict):
    code = "compute.server_not_ready"
    text = "Instance {server} is not ready"
    remedy = "Wait until the server is on a host."


class CannotCreate(errors.BadRequest):
    """What a create request names and cannot be used: upstream answers 400, not 404, for all of it."""

    code = "compute.cannot_create"
    text = "{reason}"
    remedy = "Correct the named part of the request."


class CreateConflict(errors.Conflict):
    code = "compute.create_conflict"
    text = "{reason}"
    remedy = "Name a network or port that is free and unambiguous."


class ZeroDiskFlavor(errors.Forbidden):
    code = "compute.zero_disk_flavor"
    text = "Only volume-backed servers are allowed for flavors with zero disk."
    remedy = "Choose a flavor with a disk, or ask an administrator."


class DeletedOnlyForAdmins(errors.Forbidden):
    code = "compute.deleted_only_for_admins"
    text = "Only administrators may list deleted instances"
    remedy = "Leave the filter out."


class MetadataItemNotFound(errors.NotFound):
    code = "compute.metadata_item_not_found"
    text = "Metadata item was not found"


class TagNotFound(errors.NotFound):
    code = "compute.tag_not_found"
    text = "Server {server} has no tag '{tag}'"


class TooManyTags(errors.BadRequest):
    code = "compute.too_many_tags"
    text = "The number of tags exceeded the per-server limit {limit}"
    remedy = "Remove tags first."


class NetworkNotOnServer(errors.NotFound):
    code = "compute.network_not_on_server"
    text = "Network not found"


class InterfaceNotFound(errors.NotFound):
    code = "compute.interface_not_found"
    text = "No port {port} is attached to instance {server}"


class ActionNotFound(errors.NotFound):
    code = "compute.action_not_found"
    text = "Action for request_id {request} on instance {server} not found"


class ConsoleNotAvailable(errors.NotFound):
    code = "compute.console_not_available"
    text = "Guest does not have a console available."


class ZoneConflict(errors.Conflict):
    code = "compute.zone_conflict"
    text = "{reason}"
    remedy = "Unpin the server first by setting pinned_availability_zone to null."


# --- hosts


class HypervisorNotFound(errors.NotFound):
    code = "compute.hypervisor_not_found"
    text = "Hypervisor with ID '{hypervisor}' could not be found."


class NoSuchHypervisors(errors.NotFound):
    code = "compute.no_such_hypervisors"
    text = "No hypervisor matching '{pattern}' could be found."


class ServiceNotFound(errors.NotFound):
    code = "compute.service_not_found"
    text = "Service {service} could not be found."


class UnknownServiceAction(errors.NotFound):
    code = "compute.unknown_service_action"
    text = "Unknown action"
    remedy = "enable, disable, disable-log-reason and (from 2.11) force-down exist until 2.52."


class ServiceHasServers(errors.Conflict):
    code = "compute.service_has_servers"
    text = "Unable to delete compute service that is hosting instances. Migrate or delete the instances first."
    remedy = "List the host's servers with the hypervisors API."


class HostBinaryNotFound(errors.NotFound):
    code = "compute.host_binary_not_found"
    text = "Could not find binary {binary} on host {host}."


class HostNotFound(errors.NotFound):
    code = "compute.host_not_found"
    text = "Host {host} could not be found."


class HostSilent(errors.BadRequest):
    code = "compute.host_silent"
    text = "Host {host} does not answer: {reason}"
    remedy = "Look at the host's agent; `unkai status` says which hosts are up."


class NotSupported(errors.NotImplementedHere):
    code = "compute.not_supported"
    text = "{reason}"
    remedy = "See the README for what works."
