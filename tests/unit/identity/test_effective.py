"""The statements that find a user's roles agree with the algebra, on any cloud, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from harness.role_worlds import DOMAINS, GROUPS, PROJECTS, ROLES, USERS, grants, implications, memberships, trees
from unkai.identity.model import Assignment, Group, Project, Role, TargetKind, User
from unkai.identity.service import effective, role_assignments
from unkai.identity.service.algebra import Tree, expand
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.role_assignments import Question
from unkai.identity.store import assignments, groups, projects, roles, users
from unkai.kernel.store import Database, Tx, tables

Rows = list[tuple[str, str | None, str | None]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 'x.db'}"
    built = Database(url)
    built.create_all()
    yield built
    built.close()


def fill(
    tx: Tx, given_roles: list[Assignment], members: dict[str, list[str]], rows: Rows, implied: dict[str, list[str]]
) -> None:
    for table in reversed(tables.sorted_tables):
        if table.name.startswith("identity_") and table.name != "identity_projects":
            tx.execute(table.delete())
    projects.delete(tx, EVERYWHERE, [*PROJECTS, *DOMAINS])
    for domain in DOMAINS:
        projects.insert(tx, place(domain, None, None))
    for identity, parent, domain_id in rows:
        projects.insert(tx, place(identity, parent, domain_id))
    for role in ROLES:
        roles.insert(tx, Role(id=role, name=role, domain_id=None, description=None, options={}, extra={}))
    for prior, targets in implied.items():
        for target in targets:
            roles.imply(tx, prior, target)
    for user in USERS:
        made = datetime(2026, 1, 1, tzinfo=UTC)
        users.insert(
            tx,
            User(
                id=user,
                name=user,
                domain_id="d0",
                enabled=True,
                default_project_id=None,
                options={},
                extra={},
                created_at=made,
            ),
        )
    for group in GROUPS:
        groups.insert(tx, Group(id=group, name=group, domain_id="d0", description="", extra={}))
        for user in members.get(group, ()):
            groups.add_member(tx, EVERYWHERE, group, user)
    for one in given_roles:
        assignments.insert(tx, one)


def place(identity: str, parent: str | None, domain_id: str | None) -> Project:
    return Project(
        id=identity,
        name=identity,
        domain_id=domain_id,
        parent_id=parent,
        is_domain=domain_id is None,
        enabled=True,
        description="",
        options={},
        extra={},
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_roles=grants(), members=memberships, rows=trees(), implied=implications)
def test_agreement(
    db: Database,
    given_roles: list[Assignment],
    members: dict[str, list[str]],
    rows: Rows,
    implied: dict[str, list[str]],
) -> None:
    expected = set(expand(given_roles, members, Tree(rows), implied))

    def look(tx: Tx) -> None:
        fill(tx, given_roles, members, rows, implied)
        listed = set(role_assignments.effective(tx, EVERYWHERE, Question()))
        assert listed == {one for one in expected if one.target_kind != "system"}
        targets: list[tuple[TargetKind, str]] = [("system", "all")]
        targets += [("project", project) for project in PROJECTS]
        targets += [("domain", domain) for domain in DOMAINS]
        for user in USERS:
            own = [one for one in expected if one.user_id == user]
            for target in targets:
                wanted = {one.role_id for one in own if (one.target_kind, one.target_id) == target}
                assert effective.role_ids(tx, user, target) == wanted
                assert {role.id for role in effective.roles_on(tx, user, target)} == wanted
            found_projects, found_domains, system = effective.reachable(tx, user)
            assert found_projects == {one.target_id for one in own if one.target_kind == "project"}
            assert found_domains == {one.target_id for one in own if one.target_kind == "domain"}
            assert system == any(one.target_kind == "system" for one in own)
        for project in PROJECTS[:2]:
            asked = Question(project_id=project, user_id=USERS[0], subtree=True)
            below = {project, *Tree(rows).below(project)}
            wanted_rows = {one for one in expected if one.user_id == USERS[0] and one.target_id in below}
            assert set(role_assignments.effective(tx, EVERYWHERE, asked)) == wanted_rows

    db.run_now(look)
