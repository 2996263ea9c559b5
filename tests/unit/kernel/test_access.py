"""What the access rules of a restricted token let through."""

import pytest

from unkai.kernel.context import AccessRule
from unkai.kernel.web.access import permits


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [
        ("/v2.1/servers", "/compute/v2.1/servers", True),
        ("/compute/v2.1/servers", "/compute/v2.1/servers", True),
        ("/v2.1/servers", "/compute/v2.1/servers/1", False),
        ("/v2.1/servers", "/compute/v2x1/servers", False),
        ("/v2.1/servers/{server_id}", "/compute/v2.1/servers/1", True),
        ("/v2.1/servers/{server_id}", "/compute/v2.1/servers/1/ips", False),
        ("/v2.1/*/1", "/compute/v2.1/servers/1", True),
        ("/v2.1/*", "/compute/v2.1/servers/1", False),
        ("/v2.1/**", "/compute/v2.1/servers/1", True),
        ("/**", "/compute/v2.1/servers", True),
        ("/v2.1/servers/{", "/compute/v2.1/servers/{", True),
        ("/v2.1/(servers)", "/compute/v2.1/servers", False),
    ],
)
def test_paths(pattern: str, path: str, allowed: bool) -> None:
    rules = [AccessRule("compute", "GET", pattern)]
    assert permits(rules, "compute", "/compute", "GET", path) is allowed


def test_service_and_method_count() -> None:
    rules = [AccessRule("compute", "GET", "/**")]
    assert permits(rules, "compute", "/compute", "GET", "/compute/v2.1/servers")
    assert not permits(rules, "compute", "/compute", "POST", "/compute/v2.1/servers")
    assert not permits(rules, "image", "/image", "GET", "/image/v2/images")


def test_no_rules_and_none_are_different() -> None:
    assert permits(None, "compute", "/compute", "GET", "/compute/v2.1/servers")
    assert not permits([], "compute", "/compute", "GET", "/compute/v2.1/servers")
    assert permits([], "identity", "/identity", "GET", "/identity/v3/auth/tokens")
    assert not permits([], "identity", "/identity", "DELETE", "/identity/v3/auth/tokens")
