"""Every verb that takes a scope filters by it, and lists filter the same on both databases."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from unkai.identity.model import (
    ApplicationCredential,
    Assignment,
    Filter,
    Group,
    Limit,
    Listing,
    Project,
    RegisteredLimit,
    Role,
    Service,
    User,
)
from unkai.identity.store import (
    application_credentials,
    assignments,
    catalog,
    credentials,
    groups,
    limits,
    projects,
    roles,
    users,
)
from unkai.kernel.paging import SortKey
from unkai.kernel.scope import Scope
from unkai.kernel.store import Database, Tx

MODULES = (application_credentials, assignments, credentials, groups, limits, projects, users)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVERYWHERE = Scope.system()


def project(identity: str, domain: str | None, parent: str | None = None) -> Project:
    return Project(
        id=identity,
        name=identity,
        domain_id=domain,
        parent_id=parent or domain,
        is_domain=domain is None,
        enabled=True,
        description="",
        options={},
        extra={},
        tags=("t",),
    )


def fill(tx: Tx) -> None:
    """Two domains alike, each with a project below a project, a user in a group, and one of everything else."""
    catalog.insert_service(tx, Service(id="svc", type="x", name="x", enabled=True, extra={}))
    roles.insert(tx, Role(id="role", name="role", domain_id=None, description=None, options={}, extra={}))
    registered = RegisteredLimit(
        id="reg", service_id="svc", region_id=None, resource_name="r", default_limit=1, description=None
    )
    limits.insert_registered(tx, registered)
    for d in ("one", "two"):
        projects.insert(tx, project(d, None))
        projects.insert(tx, project(f"{d}-top", d))
        projects.insert(tx, project(f"{d}-leaf", d, f"{d}-top"))
        user = User(
            id=f"{d}-user", name="user", domain_id=d, enabled=True, default_project_id=f"{d}-leaf", options={},
            extra={}, created_at=NOW,
        )  # fmt: skip
        users.insert(tx, user)
        users.set_password(tx, EVERYWHERE, user.id, "hash", now=NOW, expires_at=None, self_service=False, keep=0)
        groups.insert(tx, Group(id=f"{d}-group", name="group", domain_id=d, description="", extra={}))
        groups.add_member(tx, EVERYWHERE, f"{d}-group", f"{d}-user")
        for target in (("domain", d), ("project", f"{d}-leaf")):
            assignments.insert(tx, Assignment("role", "user", f"{d}-user", *target))  # type: ignore[arg-type]
        values = {"id": f"{d}-cred", "user_id": f"{d}-user", "project_id": f"{d}-leaf", "type": "x"}
        credentials.insert(tx, values | {"encrypted_blob": "", "extra": {}})
        application_credentials.insert(
            tx,
            ApplicationCredential(
                id=f"{d}-app",
                name="app",
                user_id=f"{d}-user",
                project_id=f"{d}-leaf",
                description=None,
                expires_at=None,
                unrestricted=False,
                role_ids=("role",),
                access_rules=None,
                secret_hash="",
            ),
        )
        limits.insert(
            tx,
            Limit(
                id=f"{d}-limit",
                registered_limit_id="reg",
                service_id="svc",
                region_id=None,
                resource_name="r",
                resource_limit=1,
                description=None,
                project_id=f"{d}-leaf",
                domain_id=None,
            ),
        )


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    built = Database(f"sqlite:///{tmp_path / 'x.db'}")
    built.create_all()
    built.run_now(fill)
    yield built
    built.close()


# How to ask each verb about what belongs to domain "two".
ASKED: dict[str, dict[str, Any]] = {
    "application_credentials.count": {"user_id": "two-user"},
    "application_credentials.delete": {"credential_ids": ["two-app"]},
    "application_credentials.delete_where": {"user_ids": ["two-user"], "project_ids": ["two-leaf"]},
    "application_credentials.get": {"credential_id": "two-app"},
    "application_credentials.of_user": {"user_id": "two-user", "listing": Listing()},
    "assignments.delete": {"assignment": Assignment("role", "user", "two-user", "project", "two-leaf")},
    "assignments.delete_of_actors": {"actors": [("user", "two-user")]},
    "assignments.delete_on_targets": {"targets": [("project", "two-leaf"), ("domain", "two")]},
    "assignments.exists": {"wanted": Assignment("role", "user", "two-user", "project", "two-leaf")},
    "assignments.find": {"targets": [("project", "two-leaf"), ("domain", "two")]},
    "credentials.count": {"user_id": "two-user"},
    "credentials.delete": {"credential_id": "two-cred"},
    "credentials.delete_where": {"user_ids": ["two-user"], "project_ids": ["two-leaf"]},
    "credentials.get": {"credential_id": "two-cred"},
    "credentials.listed": {"listing": Listing(), "user_id": "two-user"},
    "credentials.update": {"credential_id": "two-cred", "type": "changed"},
    "groups.add_member": {"group_id": "two-group", "user_id": "one-user"},
    "groups.by_ids": {"ids": ["two-group"]},
    "groups.delete": {"group_ids": ["two-group"]},
    "groups.get": {"group_id": "two-group"},
    "groups.ids_of_domain": {"domain_id": "two"},
    "groups.ids_of_user": {"user_id": "two-user"},
    "groups.is_member": {"group_id": "two-group", "user_id": "two-user"},
    "groups.listed": {"listing": Listing((Filter("domain_id", "two"),))},
    "groups.members": {"group_ids": ["two-group"]},
    "groups.remove_member": {"group_id": "two-group", "user_id": "two-user"},
    "groups.update": {"group_id": "two-group", "name": "changed"},
    "limits.delete": {"limit_id": "two-limit"},
    "limits.delete_of": {"owner_ids": ["two-leaf"]},
    "limits.get": {"limit_id": "two-limit"},
    "limits.listed": {"listing": Listing((Filter("project_id", "two-leaf"),))},
    "limits.update": {"limit_id": "two-limit", "resource_limit": 9},
    "projects.ancestors": {"project_id": "two-leaf"},
    "projects.by_ids": {"ids": ["two", "two-leaf"]},
    "projects.by_name": {"name": "two-leaf", "domain_id": "two"},
    "projects.delete": {"project_ids": ["two-leaf"]},
    "projects.descendants": {"project_id": "two"},
    "projects.get": {"project_id": "two-leaf"},
    "projects.listed": {"listing": Listing((Filter("domain_id", "two"),))},
    "projects.set_tags": {"project_id": "two-leaf", "names": ["changed"]},
    "projects.tree": {},
    "projects.update": {"project_ids": ["two-leaf"], "name": "changed"},
    "users.by_ids": {"ids": ["two-user"]},
    "users.by_name": {"name": "user", "domain_id": "two"},
    "users.clear_passwords": {"user_id": "two-user"},
    "users.delete": {"user_ids": ["two-user"]},
    "users.forget_default_project": {"project_ids": ["two-leaf"]},
    "users.get": {"user_id": "two-user"},
    "users.ids_of_domain": {"domain_id": "two"},
    "users.listed": {"listing": Listing((Filter("domain_id", "two"),))},
    "users.password_hashes": {"user_id": "two-user", "count": 5},
    "users.set_password": {
        "user_id": "two-user", "hashed": "changed", "now": NOW, "expires_at": None, "self_service": True, "keep": 3
    },
    "users.update": {"user_id": "two-user", "name": "changed"},
}  # fmt: skip


def verbs() -> dict[str, Any]:
    found = {}
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and "scope" in inspect.signature(function).parameters:
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = function
    return found


def snapshot(tx: Tx) -> dict[str, Any]:
    from unkai.kernel.store import tables

    return {
        name: sorted(map(repr, tx.all(table.select())))
        for name, table in tables.tables.items()
        if name.startswith("identity_")
    }


def test_the_walk_knows_every_verb() -> None:
    assert set(ASKED) == set(verbs())
    for name, verb in verbs().items():
        assert list(inspect.signature(verb).parameters)[:2] == ["tx", "scope"], name


@pytest.mark.parametrize("scope", [Scope.domain("one"), Scope.project("one-leaf"), Scope.nothing()])
@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_verb_filters_by_its_scope(db: Database, name: str, scope: Scope) -> None:
    def ask(tx: Tx) -> tuple[Any, bool]:
        before = snapshot(tx)
        result = verbs()[name](tx, scope, **ASKED[name])
        return result, snapshot(tx) == before

    result, unchanged = db.run_now(ask)
    assert unchanged, "a verb changed what its scope does not see"
    shown = repr(result)
    assert "two" not in shown, "a verb showed what its scope does not see"


@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_verb_works_within_its_scope(db: Database, name: str) -> None:
    """The same questions with the whole system as scope find or change something: the walk above proves something."""

    def ask(tx: Tx) -> tuple[Any, bool]:
        before = snapshot(tx)
        return verbs()[name](tx, EVERYWHERE, **ASKED[name]), snapshot(tx) == before

    result, unchanged = db.run_now(ask)
    assert not unchanged or result


def test_a_domain_sees_its_own(db: Database) -> None:
    def ask(tx: Tx) -> tuple[list[str], list[str], int]:
        scope = Scope.domain("one")
        found, _ = projects.listed(tx, scope, Listing(sort=(SortKey("name"),)))
        own, _ = limits.listed(tx, scope, Listing())
        return [one.id for one in found], [one.id for one in own], len(assignments.find(tx, scope))

    assert db.read_now(ask) == (["one", "one-leaf", "one-top"], ["one-limit"], 2)


names = st.text(alphabet="aAbB%_\\'é ", min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(names, min_size=1, max_size=6, unique=True),
    asked=names,
    comparator=st.sampled_from(["equals", "contains", "startswith", "endswith"]),
    sensitive=st.booleans(),
)
def test_filters_mean_what_python_means(
    db: Database, stored: list[str], asked: str, comparator: Any, sensitive: bool
) -> None:
    """Wildcards of SQL are letters like others, and case counts exactly when asked."""

    def ask(tx: Tx) -> list[str]:
        for name in stored:
            tx.conn.exec_driver_sql(
                "INSERT INTO identity_services (id, type, name, enabled, extra) VALUES (?, 'f', ?, 1, '{}')",
                (name, name),
            )
        wanted = Filter("name", asked, comparator, sensitive)
        found, _ = catalog.list_services(tx, Listing((wanted, Filter("type", "f"))))
        tx.conn.exec_driver_sql("DELETE FROM identity_services WHERE type = 'f'")
        return sorted(one.name for one in found)

    def fits(name: str) -> bool:
        if comparator == "equals":
            return name == asked
        # SQLite lowers ASCII letters only; the letters of this test that have a case are ASCII but one.
        one, two = (name, asked) if sensitive else (_lower(name), _lower(asked))
        return {"contains": two in one, "startswith": one.startswith(two), "endswith": one.endswith(two)}[comparator]

    assert db.run_now(ask) == sorted(name for name in stored if fits(name))


def _lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
