"""Permissions: upstream's names, one default each, and older names that still work."""

import pytest

from unkai.compute.policy import RULES
from unkai.kernel.context import Context
from unkai.kernel.policy import Policy

MEMBER = Context(user_id="u", project_id="p", roles=("member", "reader"))
READER = Context(user_id="r", project_id="p", roles=("reader",))
ADMIN = Context(user_id="a", project_id="q", roles=("admin", "manager", "member", "reader"))
SYSTEM = Context(user_id="a", system_scope="all", roles=("admin",))
OTHERS = {"project_id": "another", "user_id": "somebody"}


def test_no_rule_is_declared_twice() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("rule", "member", "reader"),
    [
        ("os_compute_api:servers:create", True, False),
        ("os_compute_api:servers:index", True, True),
        ("os_compute_api:servers:delete", True, False),
        ("os_compute_api:os-flavor-manage:create", False, False),
        ("os_compute_api:os-hypervisors:list", False, False),
        ("os_compute_api:limits", True, True),
        ("compute:servers:create:requested_destination", False, False),
    ],
)
def test_defaults(rule: str, member: bool, reader: bool) -> None:
    policy = Policy(RULES)
    assert policy.allows(MEMBER, rule) is member
    assert policy.allows(READER, rule) is reader
    assert policy.allows(ADMIN, rule)
    assert policy.allows(ADMIN, rule, OTHERS)


def test_another_project_is_closed_to_members() -> None:
    policy = Policy(RULES)
    for rule in RULES:
        if rule.name.startswith("os_compute_api:servers:") and rule.check != "@":
            assert not policy.allows(MEMBER, rule.name, OTHERS), rule.name


def test_system_tokens_are_refused_as_upstream_does() -> None:
    assert not Policy(RULES).allows(SYSTEM, "os_compute_api:servers:index")


def test_users_manage_their_own_keys_only() -> None:
    policy = Policy(RULES)
    assert policy.allows(READER, "os_compute_api:os-keypairs:create", {"user_id": "r"})
    assert not policy.allows(READER, "os_compute_api:os-keypairs:create", {"user_id": "u"})
    assert policy.allows(ADMIN, "os_compute_api:os-keypairs:show", {"user_id": "u"})


def test_the_guides_old_name_opens_flavors_to_all() -> None:
    """FLV-010: one old name stood for creating, changing and deleting flavors."""
    policy = Policy(RULES, {"compute_extension:flavormanage": ""})
    for verb in ("create", "update", "delete"):
        assert policy.allows(MEMBER, f"os_compute_api:os-flavor-manage:{verb}")


def test_a_rules_own_name_counts_more_than_an_older_one() -> None:
    overrides = {"os_compute_api:os-flavor-manage:delete": "role:admin", "compute_extension:flavormanage": "@"}
    policy = Policy(RULES, overrides)
    assert policy.allows(MEMBER, "os_compute_api:os-flavor-manage:create")
    assert not policy.allows(MEMBER, "os_compute_api:os-flavor-manage:delete")
