"""Refusals of Placement. `upstream_code` gives the codes that upstream's clients look for in a body."""

from typing import ClassVar

from unkai.kernel.errors import ApiError, BadRequest, Conflict, NotFound, UnsupportedMediaType

_DEFAULT = "placement.undefined_code"


class ProviderNotFound(NotFound):
    code = "placement.provider_not_found"
    text = "No resource provider with uuid {uuid} found"
    remedy = "Look the provider up in GET /resource_providers."


class ProviderNotFoundForDelete(ProviderNotFound):
    code = "placement.provider_not_found_for_delete"
    text = "No resource provider with uuid {uuid} found for delete"


class ParentNotFound(BadRequest):
    code = "placement.parent_not_found"
    text = "Unable to save resource provider {name}: parent provider UUID does not exist: {uuid}."
    remedy = "Create the parent first."


class ParentLoop(BadRequest):
    code = "placement.parent_loop"
    text = "Unable to save resource provider {name}: creating loop in the provider tree is not allowed."
    remedy = "Choose a parent outside of the provider's own subtree."


class OwnParent(BadRequest):
    code = "placement.own_parent"
    text = (
        'Unable to create resource provider "{name}", {uuid}: parent provider UUID cannot be same as UUID. '
        "Please set parent provider UUID to None if there is no parent."
    )
    remedy = "Leave the parent away."


class ReparentingRefused(BadRequest):
    code = "placement.reparenting_refused"
    text = (
        "Unable to save resource provider {name}: {what} a provider is not currently allowed. Its current parent is "
        "{current}."
    )
    remedy = "Use microversion 1.37 or later."


class ProviderExists(Conflict):
    code = "placement.provider_exists"
    text = "Conflicting resource provider {field}: {value} already exists."
    remedy = "Choose another name or uuid."


class ProviderInUse(Conflict):
    code = "placement.provider_in_use"
    text = "Unable to delete resource provider {uuid}: Resource provider has allocations."
    remedy = "Remove the allocations first: GET /resource_providers/{uuid}/allocations lists them."


class ProviderHasChildren(Conflict):
    code = "placement.provider_has_children"
    text = "Unable to delete parent resource provider {uuid}: It has child resource providers."
    remedy = "Delete the children first."


class ProviderGenerationConflict(Conflict):
    code = "placement.provider_generation_conflict"
    text = "resource provider generation conflict for {uuid}: actual: {actual}, given: {given}"
    remedy = "Read the provider again and repeat the change with its new generation."


class ConcurrentUpdate(Conflict):
    code = "placement.concurrent_update"
    text = "Another thread concurrently updated the data. Please retry your update: {reason}"
    remedy = "Read the resource again and repeat the change."


class ConsumerGenerationConflict(Conflict):
    code = "placement.consumer_generation_conflict"
    text = "consumer generation conflict - expected {expected} but got {given}"
    remedy = "Read the consumer's allocations again and repeat the change with their consumer_generation."


class InventoryNotFound(NotFound):
    code = "placement.inventory_not_found"
    text = "No inventory of class {resource_class} for {uuid}"
    remedy = "Look at GET /resource_providers/{uuid}/inventories."


class InventoryNotFoundForDelete(InventoryNotFound):
    code = "placement.inventory_not_found_for_delete"
    text = "No inventory of class {resource_class} found for delete: resource provider {uuid}"


class NoInventoryToUpdate(BadRequest):
    code = "placement.no_inventory_to_update"
    text = "No inventory record with resource class for resource provider {uuid}: {resource_class}"
    remedy = "Create the inventory with POST first."


class UnknownInventoryClass(BadRequest):
    code = "placement.unknown_inventory_class"
    text = "Unknown resource class in inventory for resource provider {uuid}: No such resource class {name}."
    remedy = "Create a CUSTOM_ class with PUT /resource_classes/{name} or use a standard one."


class InventoryExists(Conflict):
    code = "placement.inventory_exists"
    text = "Update conflict: inventory of {resource_class} already exists for resource provider {uuid}"
    remedy = "Change it with PUT."


class InventoryInUse(Conflict):
    code = "placement.inventory_in_use"
    text = "update conflict: Inventory for '{classes}' on resource provider '{uuid}' in use."
    remedy = "Remove the allocations of the class first."


class InvalidInventoryCapacity(BadRequest):
    code = "placement.invalid_inventory_capacity"
    text = (
        "Unable to {verb} inventory for resource provider {uuid}: Invalid inventory for '{resource_class}' on "
        "resource provider '{uuid}'. The reserved value is greater than {bound}total."
    )
    remedy = "Lower `reserved` or raise `total`."


class NoInventory(Conflict):
    code = "placement.no_inventory"
    text = (
        "Unable to allocate inventory: Inventory for '{resource_class}' on resource provider '{uuid}' invalid: "
        "it has none."
    )
    remedy = "Set the inventory first."


class CapacityExceeded(Conflict):
    """A claim that does not fit. Params: uuid, resource_class, needed, had (what is free)."""

    code = "placement.capacity_exceeded"
    text = (
        "Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
        "'{uuid}'. The requested amount would exceed the capacity: needed {needed}, had {had}."
    )
    remedy = "Ask another provider, or free some of it."


class ConstraintsViolated(Conflict):
    """An amount against min_unit, max_unit or step_size. Params as CapacityExceeded, with `constraint`."""

    code = "placement.constraints_violated"
    text = (
        "Unable to allocate inventory: Unable to create allocation for '{resource_class}' on resource provider "
        "'{uuid}'. The requested amount would violate inventory constraints: needed {needed}, {constraint}."
    )
    remedy = "Ask for an amount within min_unit and max_unit, in multiples of step_size."


class AllocationsNotFound(NotFound):
    code = "placement.allocations_not_found"
    text = "No allocations for consumer '{uuid}'"
    remedy = "The consumer has none; nothing is to be done."


class UnknownAllocationProvider(BadRequest):
    code = "placement.unknown_allocation_provider"
    text = "Allocation for resource provider '{uuid}' that does not exist."
    remedy = "Look the provider up in GET /resource_providers."


class UnknownReshapedProvider(BadRequest):
    code = "placement.unknown_reshaped_provider"
    text = "Resource provider {uuid} in the inventories to reshape does not exist."
    remedy = "Look the provider up in GET /resource_providers."


class ResourceClassNotFound(NotFound):
    code = "placement.resource_class_not_found"
    text = "No such resource class {name}."
    remedy = "GET /resource_classes lists the names."


class UnknownResourceClass(BadRequest):
    code = "placement.unknown_resource_class"
    text = "No such resource class {name}."
    remedy = "Create a CUSTOM_ class with PUT /resource_classes/{name} or use a standard one."


class ResourceClassExists(Conflict):
    code = "placement.resource_class_exists"
    text = "Conflicting resource class already exists: {name}"
    remedy = "Choose another name."


class ResourceClassInUse(Conflict):
    code = "placement.resource_class_in_use"
    text = "Error in delete resource class: Cannot delete resource class {name}. Class is in use in inventory."
    remedy = "Remove the inventories of the class first."


class StandardClass(BadRequest):
    code = "placement.standard_class"
    text = "Error in delete resource class: Cannot delete standard resource class {name}."
    remedy = "Only CUSTOM_ classes can be deleted or renamed."


class TraitNotFound(NotFound):
    code = "placement.trait_not_found"
    text = "No such trait(s): {name}."
    remedy = "GET /traits lists the names."


class UnknownTraits(BadRequest):
    code = "placement.unknown_traits"
    text = "No such trait(s): {names}."
    remedy = "Create CUSTOM_ traits with PUT /traits/{name} first."


class TraitInUse(Conflict):
    code = "placement.trait_in_use"
    text = "The trait {name} is in use by a resource provider."
    remedy = "Take it from every provider first."


class StandardTrait(BadRequest):
    code = "placement.standard_trait"
    text = "Cannot delete standard trait {name}."
    remedy = "Only CUSTOM_ traits can be deleted."


class DuplicateQuery(BadRequest):
    code = "placement.duplicate_query"
    text = "Query parameter '{name}' may be specified only once."
    remedy = "Give the parameter once."


class BadQuery(BadRequest):
    code = "placement.bad_query"
    text = "{reason}"
    remedy = "Correct the query as the message says."


class MissingQuery(BadRequest):
    code = "placement.missing_query"
    text = "{reason}"
    remedy = "Add the missing parameter."


class InvalidQuery(BadRequest):
    code = "placement.invalid_query"
    text = "Invalid query string parameters: {reason}"
    remedy = "Correct the query as the message says; newer parameters need a newer microversion."


class BadResources(BadRequest):
    code = "placement.bad_resources"
    text = "{reason}"
    remedy = "Write resources as VCPU:2,MEMORY_MB:1024."


class InvalidJson(BadRequest):
    code = "placement.invalid_json"
    text = "JSON does not validate: {reason}"
    remedy = "Correct the named field of the request's body; newer fields need a newer microversion."


class MalformedJson(BadRequest):
    code = "placement.malformed_json"
    text = "Malformed JSON: {reason}"
    remedy = "Send a JSON document."


class ContentTypeNeeded(BadRequest):
    code = "placement.content_type_needed"
    text = "content-type header required when content-length > 0"
    remedy = "Send Content-Type: application/json."


class NotJsonBody(UnsupportedMediaType):
    code = "placement.not_json_body"
    text = "The media type {content_type} is not supported, use application/json"
    remedy = "Send Content-Type: application/json."


class NotJson(ApiError):
    code = "placement.not_json"
    status = 406
    title = "Not Acceptable"
    text = "Only application/json is provided"
    remedy = "Send Accept: application/json."


class InvalidTraitName(BadRequest):
    code = "placement.invalid_trait_name"
    text = (
        'The trait is invalid. A valid trait must be no longer than 255 characters, start with the prefix "CUSTOM_" '
        'and use following characters: "A"-"Z", "0"-"9" and "_"'
    )
    remedy = "Choose such a name."


_CODES: dict[type[ApiError], str] = {
    ProviderNotFound: "placement.resource_provider.not_found",
    ProviderNotFoundForDelete: "placement.resource_provider.not_found",
    ProviderInUse: "placement.resource_provider.inuse",
    ProviderHasChildren: "placement.resource_provider.cannot_delete_parent",
    ProviderExists: "placement.duplicate_name",
    ProviderGenerationConflict: "placement.concurrent_update",
    ConcurrentUpdate: "placement.concurrent_update",
    ConsumerGenerationConflict: "placement.concurrent_update",
    InventoryInUse: "placement.inventory.inuse",
    DuplicateQuery: "placement.query.duplicate_key",
    BadQuery: "placement.query.bad_value",
    MissingQuery: "placement.query.missing_value",
}


class UpstreamCodes:
    """Our error codes to the codes of upstream's bodies (API since 1.23)."""

    table: ClassVar[dict[str, str]] = {kind.code: text for kind, text in _CODES.items()}

    @classmethod
    def of(cls, code: str) -> str:
        return cls.table.get(code, _DEFAULT)
