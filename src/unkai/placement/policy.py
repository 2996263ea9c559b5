"""Policies under upstream's names, with upstream's defaults of secure RBAC."""

from unkai.kernel.policy import Rule

_ADMIN_OR_SERVICE = "role:admin or role:service"
_OR_READER = "role:admin or role:service or (role:reader and project_id:%(project_id)s)"


def _rule(name: str, description: str, *operations: str, check: str = _ADMIN_OR_SERVICE) -> Rule:
    return Rule(f"placement:{name}", check, description, operations, ("project",))


_RP = "/resource_providers/{uuid}"

POLICIES = (
    _rule("resource_providers:list", "List resource providers.", "GET /resource_providers"),
    _rule("resource_providers:create", "Create a resource provider.", "POST /resource_providers"),
    _rule("resource_providers:show", "Show a resource provider.", f"GET {_RP}"),
    _rule("resource_providers:update", "Update a resource provider.", f"PUT {_RP}"),
    _rule("resource_providers:delete", "Delete a resource provider.", f"DELETE {_RP}"),
    _rule("resource_classes:list", "List resource classes.", "GET /resource_classes"),
    _rule("resource_classes:create", "Create a resource class.", "POST /resource_classes"),
    _rule("resource_classes:show", "Show a resource class.", "GET /resource_classes/{name}"),
    _rule("resource_classes:update", "Make or rename a resource class.", "PUT /resource_classes/{name}"),
    _rule("resource_classes:delete", "Delete a resource class.", "DELETE /resource_classes/{name}"),
    _rule("resource_providers:inventories:list", "List a provider's inventories.", f"GET {_RP}/inventories"),
    _rule("resource_providers:inventories:create", "Create an inventory.", f"POST {_RP}/inventories"),
    _rule("resource_providers:inventories:show", "Show an inventory.", f"GET {_RP}/inventories/{{resource_class}}"),
    _rule(
        "resource_providers:inventories:update",
        "Update inventories.",
        f"PUT {_RP}/inventories",
        f"PUT {_RP}/inventories/{{resource_class}}",
    ),
    _rule(
        "resource_providers:inventories:delete",
        "Delete inventories.",
        f"DELETE {_RP}/inventories",
        f"DELETE {_RP}/inventories/{{resource_class}}",
    ),
    _rule("resource_providers:aggregates:list", "List a provider's aggregates.", f"GET {_RP}/aggregates"),
    _rule("resource_providers:aggregates:update", "Set a provider's aggregates.", f"PUT {_RP}/aggregates"),
    _rule("resource_providers:usages", "Show a provider's usages.", f"GET {_RP}/usages"),
    _rule("usages", "Show a project's usages.", "GET /usages", check=_OR_READER),
    _rule("traits:list", "List traits.", "GET /traits"),
    _rule("traits:show", "Show a trait.", "GET /traits/{name}"),
    _rule("traits:update", "Create a trait.", "PUT /traits/{name}"),
    _rule("traits:delete", "Delete a trait.", "DELETE /traits/{name}"),
    _rule("resource_providers:traits:list", "List a provider's traits.", f"GET {_RP}/traits"),
    _rule("resource_providers:traits:update", "Set a provider's traits.", f"PUT {_RP}/traits"),
    _rule("resource_providers:traits:delete", "Remove a provider's traits.", f"DELETE {_RP}/traits"),
    _rule("allocations:manage", "Change several consumers' allocations.", "POST /allocations"),
    _rule("allocations:list", "List a consumer's allocations.", "GET /allocations/{consumer_uuid}"),
    _rule("allocations:update", "Set a consumer's allocations.", "PUT /allocations/{consumer_uuid}"),
    _rule("allocations:delete", "Remove a consumer's allocations.", "DELETE /allocations/{consumer_uuid}"),
    _rule("resource_providers:allocations:list", "List a provider's allocations.", f"GET {_RP}/allocations"),
    _rule("allocation_candidates:list", "List allocation candidates.", "GET /allocation_candidates"),
    _rule("reshaper:reshape", "Move inventories and allocations.", "POST /reshaper"),
)
