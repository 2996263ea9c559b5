"""The rules against personas: what secure RBAC allows by default."""

import pytest

from unkai.identity.policy import POLICIES
from unkai.identity.room import ROUTES
from unkai.kernel.context import Context
from unkai.kernel.policy import Policy

POLICY = Policy(POLICIES)
CHAIN = ("admin", "manager", "member", "reader")


def roles(name: str) -> tuple[str, ...]:
    return CHAIN[CHAIN.index(name) :]


def of_system(name: str) -> Context:
    return Context(user_id="me", user_domain_id="home", system_scope="all", roles=roles(name))


def of_domain(name: str) -> Context:
    return Context(user_id="me", user_domain_id="home", domain_id="d", roles=roles(name))


def of_project(name: str) -> Context:
    return Context(user_id="me", user_domain_id="home", project_id="p", project_domain_id="d", roles=roles(name))


INSIDE = {
    "target.domain_id": "d",
    "target.domain.id": "d",
    "target.user.id": "u",
    "target.user.domain_id": "d",
    "target.group.domain_id": "d",
    "target.project.id": "p",
    "target.project.domain_id": "d",
    "target.role.name": "member",
    "target.role.domain_id": None,
    "user_id": "u",
}
OUTSIDE = {name: "other" if value not in (None, "member") else value for name, value in INSIDE.items()}


@pytest.mark.parametrize(
    ("rule", "who", "inside", "outside"),
    [
        ("list_users", of_system("reader"), True, True),
        ("list_users", of_project("admin"), True, True),
        ("list_users", of_project("manager"), False, False),
        ("list_users", of_domain("reader"), True, False),
        ("create_user", of_system("admin"), True, True),
        ("create_user", of_system("manager"), False, False),
        ("create_user", of_domain("manager"), True, False),
        ("create_user", of_domain("member"), False, False),
        ("get_project", of_project("reader"), True, False),
        ("get_project", of_domain("reader"), True, False),
        ("update_project", of_domain("manager"), True, False),
        ("update_project", of_project("manager"), False, False),
        ("create_domain", of_domain("admin"), False, False),
        ("create_domain", of_project("admin"), True, True),
        ("create_domain", of_system("reader"), False, False),
        ("get_domain", of_project("member"), True, False),
        ("list_services", of_system("reader"), True, True),
        ("list_services", of_domain("admin"), False, False),
        ("create_grant", of_domain("manager"), True, False),
        ("create_grant", of_domain("reader"), False, False),
        ("check_grant", of_domain("reader"), True, False),
        ("list_roles", of_domain("manager"), True, True),
        ("list_roles", of_project("manager"), False, False),
        ("list_roles", of_system("reader"), True, True),
        ("add_user_to_group", of_domain("manager"), True, False),
        ("list_role_assignments", of_domain("reader"), True, False),
        ("get_auth_projects", Context(user_id="me"), True, True),
    ],
)
def test_personas(rule: str, who: Context, inside: bool, outside: bool) -> None:
    name = f"identity:{rule}"
    assert (POLICY.allows(who, name, INSIDE), POLICY.allows(who, name, OUTSIDE)) == (inside, outside)


@pytest.mark.parametrize("role", ["admin", "service", "special"])
def test_a_domain_s_manager_gives_only_roles_below_admin(role: str) -> None:
    assert not POLICY.allows(of_domain("manager"), "identity:create_grant", INSIDE | {"target.role.name": role})


def test_a_rule_without_a_target_is_closed() -> None:
    for rule in ("get_user", "get_project", "create_grant", "get_credential", "get_limit"):
        for who in (of_domain("manager"), of_project("reader"), Context(user_id="me")):
            assert not POLICY.allows(who, f"identity:{rule}", {}), (rule, who)


def test_rules_are_named_once_and_described() -> None:
    names = [rule.name for rule in POLICIES]
    assert len(set(names)) == len(names)
    assert all(rule.description.endswith(".") for rule in POLICIES)
    assert {scope for rule in POLICIES for scope in rule.scopes} == {"system", "domain", "project"}


def test_every_route_but_four_needs_a_token() -> None:
    open_routes = {(route.method, route.path) for route in ROUTES if not route.auth}
    assert open_routes == {
        ("GET", "/"),
        ("GET", "/v3"),
        ("POST", "/v3/auth/tokens"),
        ("POST", "/v3/users/{user_id}/password"),
    }


def test_no_route_is_declared_twice() -> None:
    pairs = [(route.method, route.path) for route in ROUTES]
    assert len(set(pairs)) == len(pairs)
