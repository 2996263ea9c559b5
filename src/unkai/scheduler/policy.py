"""Policies of routes that no upstream service has."""

from unkai.kernel.policy import Rule

_OWNER = "(role:admin) or (role:reader and project_id:%(project_id)s)"

LIST = "unkai_scheduler:explanations:list"
HOSTS = "unkai_scheduler:explanations:hosts"
WHAT_IF = "unkai_scheduler:what_if"

POLICIES = (
    Rule(LIST, _OWNER, "Read why a server got, or did not get, a host.", ("GET /unkai/v1/explanations",)),
    Rule(
        HOSTS,
        "role:admin",
        "See hosts and their numbers in explanations and answers to what-if.",
        ("GET /unkai/v1/explanations", "POST /unkai/v1/what-if"),
    ),
    Rule(WHAT_IF, _OWNER, "Ask where a server would go.", ("POST /unkai/v1/what-if",)),
)
