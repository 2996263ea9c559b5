"""Policy: oslo.policy's language compiled to closures answers as oslo.policy does."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oslo

from unkai.kernel.context import Context
from unkai.kernel.errors import Forbidden
from unkai.kernel.policy import Policy, PolicyError, Rule, read_overrides

MEMBER = Context(user_id="u", project_id="p", roles=("member", "reader"))
ADMIN = Context(user_id="root", project_id="ops", roles=("admin",))
SYSTEM = Context(user_id="root", system_scope="all", roles=("admin",))
OF_DOMAIN = Context(user_id="u", project_id="p", project_domain_id="d", roles=("reader",))
UNSCOPED = Context(user_id="u")


def policy(check: str, **more: Any) -> Policy:
    return Policy([Rule("x", check, "X.", **more), Rule("owner", "project_id:%(project_id)s", "Owner.")])


@pytest.mark.parametrize(
    ("check", "context", "target", "allowed"),
    [
        ("role:admin", ADMIN, None, True),
        ("role:admin", MEMBER, None, False),
        ("role:ADMIN", ADMIN, None, True),
        ("role:member and project_id:%(project_id)s", MEMBER, {"project_id": "p"}, True),
        ("role:member and project_id:%(project_id)s", MEMBER, {"project_id": "q"}, False),
        ("rule:owner or role:admin", ADMIN, {"project_id": "p"}, True),
        ("rule:missing", ADMIN, None, False),
        ("not role:admin", MEMBER, None, True),
        ("", MEMBER, None, True),
        ("@", MEMBER, None, True),
        ("!", ADMIN, None, False),
        ("system_scope:all", SYSTEM, None, True),
        ("system_scope:all", ADMIN, None, False),
        ("user_id:%(user_id)s", MEMBER, {}, False),
        ("'member':%(role)s", MEMBER, {"role": "member"}, True),
        ("user_id:%(owner.id)s", MEMBER, {"owner.id": "u"}, True),
        ("domain_id:None", MEMBER, None, True),
        ("not domain_id:None", MEMBER, None, False),
        ("domain_id:%(owner.domain_id)s", MEMBER, {"owner.domain_id": None}, False),
        ("token.project.domain.id:%(owner.domain_id)s", OF_DOMAIN, {"owner.domain_id": "d"}, True),
        ("token.domain.id:%(owner.domain_id)s", OF_DOMAIN, {"owner.domain_id": "d"}, False),
    ],
)
def test_checks(check: str, context: Context, target: dict[str, Any] | None, allowed: bool) -> None:
    assert policy(check).allows(context, "x", target) is allowed


def test_authorize_names_the_rule() -> None:
    with pytest.raises(Forbidden, match="Policy doesn't allow x to be performed"):
        policy("role:admin").authorize(MEMBER, "x")


def test_an_undeclared_rule_is_a_mistake_not_an_answer() -> None:
    with pytest.raises(KeyError):
        policy("@").allows(ADMIN, "y")


@pytest.mark.parametrize(("context", "allowed"), [(SYSTEM, True), (ADMIN, False)])
def test_scope_types(context: Context, allowed: bool) -> None:
    assert policy("role:admin", scopes=("system",)).allows(context, "x") is allowed


def test_an_unscoped_token_counts_as_a_project_s() -> None:
    assert policy("user_id:u", scopes=("project",)).allows(UNSCOPED, "x")
    assert not policy("user_id:u", scopes=("system", "domain")).allows(UNSCOPED, "x")


def test_operators_override_by_new_and_legacy_name(tmp_path: Path) -> None:
    yaml, json = tmp_path / "policy.yaml", tmp_path / "policy.json"
    yaml.write_text('"old:x": "role:reader"\n')
    json.write_text('{"owner": "!"}')
    overrides = read_overrides([yaml, json, tmp_path / "absent.yaml"])
    changed = Policy([Rule("x", "role:admin", "X.", legacy=("old:x",)), Rule("owner", "@", "O.")], overrides)
    assert changed.allows(MEMBER, "x") and not changed.allows(ADMIN, "owner")


@pytest.mark.parametrize("text", ["- a list", "x: [1]", "x: {", '"x": 5'])
def test_unusable_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.yaml"):
        read_overrides([file])


_atoms = st.sampled_from(
    ["role:admin", "role:member", "project_id:%(project_id)s", "user_id:%(user_id)s", "system_scope:all", "@", "!"]
)
_checks = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} and {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} or {pair[1]})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def enforcer() -> oslo.Enforcer:
    conf = cfg.ConfigOpts()
    conf([])
    return oslo.Enforcer(conf, use_conf=False, rules={})


@given(check=_checks, context=st.sampled_from([MEMBER, ADMIN, SYSTEM]), project=st.sampled_from(["p", "ops", "z"]))
def test_agrees_with_oslo_policy(enforcer: oslo.Enforcer, check: str, context: Context, project: str) -> None:
    target = {"project_id": project, "user_id": "u"}
    enforcer.set_rules(oslo.Rules.from_dict({"x": check}), use_conf=False)
    expected = enforcer.enforce("x", target, context.credentials())
    assert policy(check).allows(context, "x", target) is bool(expected)


def test_one_name_has_one_meaning() -> None:
    """Rooms share a namespace: a second room's `owner` must not change what the first one's rules permit."""
    same = Rule("owner", "user_id:%(user_id)s", "Owner.")
    assert Policy([same, same]).rules == {"owner": same}
    with pytest.raises(PolicyError, match="owner is declared with two different checks"):
        Policy([same, Rule("owner", "project_id:%(project_id)s", "Owner.")])
