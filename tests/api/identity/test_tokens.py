"""Issuing, validating, rescoping and ending tokens, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.identity import (
    ADMIN,
    DEMO,
    SYSTEM,
    TOKENS,
    Caller,
    IdentityCloud,
    by_password,
    by_token,
    identity_cloud,
    project,
)
from unkai.identity.settings import FernetOptions, SecurityOptions, TokenOptions, UnkaiOptions

DOMAIN = {"domain": {"id": "default"}}


async def test_a_token_of_a_project(cloud: IdentityCloud) -> None:
    answer = await cloud.authenticate(by_password("admin", ADMIN, scope=project("admin")))
    assert answer.status_code == 201
    assert len(answer.headers["X-Subject-Token"]) < 255
    assert answer.headers["X-Subject-Token"].startswith("gAAAA")
    token = answer.json()["token"]
    assert token["methods"] == ["password"]
    assert token["user"] == {
        "id": cloud.made.users["admin"],
        "name": "admin",
        "domain": {"id": "default", "name": "Default"},
        "password_expires_at": None,
    }
    assert token["project"]["id"] == cloud.made.projects["admin"]
    assert [role["name"] for role in token["roles"]] == ["admin", "manager", "member", "reader"]
    assert token["is_domain"] is False
    assert {service["type"] for service in token["catalog"]} == {
        "identity",
        "image",
        "compute",
        "network",
        "placement",
    }
    assert len(token["audit_ids"]) == 1 and len(token["audit_ids"][0]) == 22
    assert token["expires_at"].endswith(".000000Z")


@pytest.mark.parametrize(
    ("scope", "key"), [(SYSTEM, "system"), (DOMAIN, "domain"), (project("admin"), "project"), ("unscoped", None)]
)
async def test_scopes(cloud: IdentityCloud, scope: Any, key: str | None) -> None:
    answer = await cloud.authenticate(by_password("admin", ADMIN, scope=scope))
    token = answer.json()["token"]
    assert {name for name in ("system", "domain", "project") if name in token} == ({key} if key else set())
    assert ("roles" in token, "catalog" in token) == (key is not None, key is not None)


async def test_without_a_scope_the_default_project_is_taken(cloud: IdentityCloud) -> None:
    token = (await cloud.authenticate(by_password("demo", DEMO))).json()["token"]
    assert token["project"]["name"] == "demo"
    async with cloud.as_admin() as admin:
        await admin.patch(f"/projects/{cloud.made.projects['demo']}", {"project": {"enabled": False}})
    assert "project" not in (await cloud.authenticate(by_password("demo", DEMO))).json()["token"]


async def test_old_clients_ask_for_no_scope_with_an_object(cloud: IdentityCloud) -> None:
    token = (await cloud.authenticate(by_password("demo", DEMO, scope={"unscoped": {}}))).json()["token"]
    assert "project" not in token


async def test_nocatalog(cloud: IdentityCloud) -> None:
    async with cloud.client() as client:
        answer = await client.post(TOKENS + "?nocatalog", json=by_password("admin", ADMIN, scope=project("admin")))
        assert "catalog" not in answer.json()["token"]


async def test_validation_shows_what_was_issued(cloud: IdentityCloud) -> None:
    issued = await cloud.authenticate(by_password("demo", DEMO, scope=project("demo")))
    subject = issued.headers["X-Subject-Token"]
    async with cloud.as_admin() as admin:
        shown = await admin.get("/auth/tokens", headers={"X-Subject-Token": subject})
        assert shown == issued.json()
        await admin.ask("HEAD", "/auth/tokens", 200, headers={"X-Subject-Token": subject})
    async with cloud.client(subject) as client:
        own = await client.get(TOKENS, headers={"X-Subject-Token": subject})
        assert (own.status_code, own.headers["X-Subject-Token"]) == (200, subject)


async def test_other_people_s_tokens_are_none_of_ones_business(cloud: IdentityCloud) -> None:
    subject = await cloud.login("admin", ADMIN, project("admin"))
    async with cloud.as_user("demo", DEMO) as demo:
        for method, status in (("GET", 403), ("DELETE", 403)):
            await demo.ask(method, "/auth/tokens", status, headers={"X-Subject-Token": subject})


async def test_rescoping_keeps_the_end_and_the_chain(cloud: IdentityCloud) -> None:
    first = await cloud.authenticate(by_password("admin", ADMIN, scope="unscoped"))
    cloud.ahead = 60
    second = await cloud.authenticate(by_token(first.headers["X-Subject-Token"], project("admin")))
    third = await cloud.authenticate(by_token(second.headers["X-Subject-Token"], SYSTEM))
    one, two, three = (answer.json()["token"] for answer in (first, second, third))
    assert one["expires_at"] == two["expires_at"] == three["expires_at"]
    assert two["audit_ids"][1] == three["audit_ids"][1] == one["audit_ids"][0]
    assert set(three["methods"]) == {"password", "token"}


async def test_a_system_token_becomes_no_project_token(cloud: IdentityCloud) -> None:
    token = await cloud.login("admin", ADMIN, SYSTEM)
    answer = await cloud.authenticate(by_token(token, project("admin")))
    assert answer.status_code == 403
    assert "system-scoped token" in answer.json()["error"]["message"]


async def test_rescoping_can_be_forbidden(tmp_path: Path) -> None:
    with identity_cloud(tmp_path, TokenOptions(allow_rescope_scoped_token=False)) as cloud:
        scoped = await cloud.login("admin", ADMIN, project("admin"))
        assert (await cloud.authenticate(by_token(scoped, SYSTEM))).status_code == 403
        unscoped = await cloud.login("admin", ADMIN, "unscoped")
        assert (await cloud.authenticate(by_token(unscoped, project("admin")))).status_code == 201


async def test_two_methods_at_once(cloud: IdentityCloud) -> None:
    token = await cloud.login("demo", DEMO, "unscoped")
    body = by_password("demo", DEMO, scope=project("demo"))
    body["auth"]["identity"]["methods"] = ["password", "token"]
    body["auth"]["identity"]["token"] = {"id": token}
    assert set((await cloud.authenticate(body)).json()["token"]["methods"]) == {"password", "token"}
    body["auth"]["identity"]["token"] = {"id": await cloud.login("admin", ADMIN, "unscoped")}
    assert (await cloud.authenticate(body)).status_code == 401


async def test_a_user_s_rules_on_methods(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        user = await admin.user("carol", options={"multi_factor_auth_rules": [["password", "token"]]})
        assert (await cloud.authenticate(by_password("carol", "secret"))).status_code == 401
        off = {"user": {"options": {"multi_factor_auth_enabled": False}}}
        await admin.patch(f"/users/{user['id']}", off)
        assert (await cloud.authenticate(by_password("carol", "secret"))).status_code == 201


@pytest.mark.parametrize(
    ("name", "password", "scope"),
    [
        ("admin", "wrong", None),
        ("nobody", ADMIN, None),
        ("admin", "", None),
        ("admin", ADMIN, project("nowhere")),
        ("admin", ADMIN, {"project": {"id": "0" * 32}}),
        ("admin", ADMIN, project("admin", domain="nowhere")),
        ("admin", ADMIN, {"domain": {"name": "nowhere"}}),
        ("demo", DEMO, project("admin")),
        ("demo", DEMO, SYSTEM),
        ("demo", DEMO, DOMAIN),
    ],
)
async def test_every_failed_login_gives_the_same_answer(
    cloud: IdentityCloud, name: str, password: str, scope: Any
) -> None:
    answer = await cloud.authenticate(by_password(name, password, scope=scope))
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "code": 401,
            "message": "The request you have made requires authentication.",
            "title": "Unauthorized",
        }
    }


async def test_disabled_users_projects_and_domains(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        domain = await admin.domain("d")
        home = await admin.project("home", domain_id=domain["id"])
        user = await admin.user("dave", domain_id=domain["id"])
        await admin.put(f"/projects/{home['id']}/users/{user['id']}/roles/{cloud.made.roles['member']}")
        scope = {"project": {"id": home["id"]}}

        async def works(token: str) -> bool:
            async with cloud.client(token) as client:
                return (await client.get("/identity/v3/auth/projects")).status_code == 200

        for path, key in (
            (f"/users/{user['id']}", "user"),
            (f"/projects/{home['id']}", "project"),
            (f"/domains/{domain['id']}", "domain"),
        ):
            token = await cloud.login("dave", "secret", scope, domain["id"])
            assert await works(token)
            await admin.patch(path, {key: {"enabled": False}})
            assert not await works(token), f"a token outlived the disabling of its {key}"
            refused = await cloud.authenticate(by_password("dave", "secret", domain=domain["id"], scope=scope))
            assert refused.status_code == 401
            await admin.patch(path, {key: {"enabled": True}})
            assert not await works(token), f"enabling the {key} again revived a token"


async def test_an_expired_token_is_nobody_s(cloud: IdentityCloud) -> None:
    subject = await cloud.login("demo", DEMO)
    cloud.ahead = 3590
    async with cloud.client(subject) as client:
        assert (await client.get("/identity/v3/auth/projects")).status_code == 200
        cloud.ahead = 3601
        answer = await client.get("/identity/v3/auth/projects")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")
    async with cloud.as_admin() as admin:
        await admin.get("/auth/tokens", 404, headers={"X-Subject-Token": subject})
        late = await admin.get("/auth/tokens?allow_expired=1", headers={"X-Subject-Token": subject})
        assert late["token"]["user"]["name"] == "demo"
        await admin.post("/auth/tokens", by_token(subject), 404)
    cloud.ahead = 3601 + 172800
    async with cloud.as_admin() as admin:
        await admin.get("/auth/tokens?allow_expired=1", 404, headers={"X-Subject-Token": subject})


@pytest.mark.parametrize("forged", ["nonsense", "gAAAAABmX", "gAAAAA" + "A" * 180, "ü", "x" * 5000])
async def test_a_foreign_token_is_refused(cloud: IdentityCloud, forged: str) -> None:
    header = forged.encode("utf-8")
    async with cloud.client() as client:
        answer = await client.get("/identity/v3/auth/projects", headers={b"X-Auth-Token": header})
        assert answer.status_code == 401
    async with cloud.as_admin() as admin:
        answer = await admin.http.get(TOKENS, headers={b"X-Subject-Token": header})
        assert answer.status_code == 404
        assert forged not in answer.text


async def test_another_cloud_s_token_is_foreign(cloud: IdentityCloud, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with identity_cloud(tmp_path / "other", TokenOptions()) as other:
        token = await other.login("admin", ADMIN, SYSTEM)
    async with cloud.client(token) as client:
        assert (await client.get("/identity/v3/users")).status_code == 401


async def test_a_revoked_token_and_its_descendants_end_at_once(cloud: IdentityCloud) -> None:
    root = await cloud.login("admin", ADMIN, "unscoped")
    child = await cloud.token(by_token(root, project("admin")))
    other = await cloud.login("admin", ADMIN, project("admin"))

    async def status(token: str) -> int:
        async with cloud.client(token) as client:
            return (await client.get("/identity/v3/auth/projects")).status_code

    assert [await status(token) for token in (root, child, other)] == [200, 200, 200]
    async with cloud.client(other) as client:
        assert (await client.delete(TOKENS, headers={"X-Subject-Token": root})).status_code == 204
    assert [await status(token) for token in (root, child, other)] == [401, 401, 200]
    async with cloud.client(other) as client:
        assert (await client.delete(TOKENS, headers={"X-Subject-Token": root})).status_code == 404


async def test_revoking_without_cascade_spares_descendants(cloud: IdentityCloud) -> None:
    root = await cloud.login("admin", ADMIN, "unscoped")
    child = await cloud.token(by_token(root, project("admin")))
    async with cloud.client(child) as client:
        answer = await client.delete(TOKENS + "?cascade=false", headers={"X-Subject-Token": root})
        assert answer.status_code == 204
        assert (await client.get("/identity/v3/auth/projects")).status_code == 200


async def test_a_lost_role_is_gone_from_living_tokens(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        user = await admin.user("erin")
        grants = f"/projects/{cloud.made.projects['demo']}/users/{user['id']}/roles"
        await admin.put(f"{grants}/{cloud.made.roles['manager']}")
        await admin.put(f"{grants}/{cloud.made.roles['reader']}")
        subject = await cloud.login("erin", "secret", project("demo"))

        async def roles() -> list[str]:
            shown = await admin.get("/auth/tokens", headers={"X-Subject-Token": subject})
            return [role["name"] for role in shown["token"]["roles"]]

        assert await roles() == ["manager", "member", "reader"]
        await admin.delete(f"{grants}/{cloud.made.roles['manager']}")
        assert await roles() == ["reader"]
        await admin.delete(f"{grants}/{cloud.made.roles['reader']}")
        await admin.get("/auth/tokens", 404, headers={"X-Subject-Token": subject})


async def test_leaving_a_group_ends_tokens(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        user, group = await admin.user("frank"), await admin.group("g")
        await admin.put(f"/groups/{group['id']}/users/{user['id']}")
        roles = f"/projects/{cloud.made.projects['demo']}/groups/{group['id']}/roles"
        await admin.put(f"{roles}/{cloud.made.roles['member']}")
        async with cloud.as_user("frank", "secret", project("demo")) as frank:
            await frank.get("/auth/projects")
            await admin.delete(f"/groups/{group['id']}/users/{user['id']}")
            await frank.get("/auth/projects", 401)


async def test_a_new_password_ends_old_tokens_and_serves_at_once(cloud: IdentityCloud) -> None:
    async with cloud.as_user("demo", DEMO) as demo:
        path = f"/users/{cloud.made.users['demo']}/password"
        body = {"user": {"original_password": DEMO, "password": "new"}}
        async with cloud.client() as nobody:
            await Caller(nobody).post(path, {"user": {"original_password": "wrong", "password": "x"}}, 401)
            await Caller(nobody).post("/users/" + "0" * 32 + "/password", body, 401)
            await Caller(nobody).post(path, body, 204)
        await demo.get("/auth/projects", 401)
    async with cloud.as_user("demo", "new") as demo:
        await demo.get("/auth/projects")
    assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 401


async def test_lockout(tmp_path: Path) -> None:
    options = SecurityOptions(lockout_failure_attempts=2, lockout_duration=100)
    with identity_cloud(tmp_path, options) as cloud:
        wrong = by_password("demo", "wrong")
        for _ in range(2):
            assert (await cloud.authenticate(wrong)).status_code == 401
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 401
        cloud.ahead = 101
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 201
        assert (await cloud.authenticate(wrong)).status_code == 401
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 201, "the count began anew"


async def test_expired_password_names_the_user_only_to_its_owner(tmp_path: Path) -> None:
    with identity_cloud(tmp_path, SecurityOptions(password_expires_days=1)) as cloud:
        cloud.ahead = 2 * 86400
        answer = await cloud.authenticate(by_password("demo", DEMO))
        user_id = cloud.made.users["demo"]
        expected = f"The password is expired and needs to be changed for user: {user_id}."
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, expected)
        assert user_id not in (await cloud.authenticate(by_password("demo", "wrong"))).text
        async with cloud.client() as client:
            body = {"user": {"original_password": DEMO, "password": "next"}}
            await Caller(client).post(f"/users/{user_id}/password", body, 204)
        assert (await cloud.authenticate(by_password("demo", "next"))).status_code == 201


async def test_rules_on_new_passwords(tmp_path: Path) -> None:
    options = SecurityOptions(
        unique_last_password_count=2,
        minimum_password_age=1,
        password_regex=r"^.{4,}$",
        password_regex_description="at least four characters",
    )
    with identity_cloud(tmp_path, options) as cloud:
        async with cloud.client() as client:
            nobody = Caller(client)
            path = f"/users/{cloud.made.users['demo']}/password"

            async def change(old: str, new: str, expect: int) -> str:
                body = {"user": {"original_password": old, "password": new}}
                answer = await nobody.post(path, body, expect)
                return "" if answer is None else str(answer["error"]["message"])

            cloud.ahead = 90000
            assert "at least four characters" in await change(DEMO, "abc", 400)
            assert "identical to a previous" in await change(DEMO, DEMO, 400)
            await change(DEMO, "second", 204)
            assert "1 day(s)" in await change("second", "third", 400)
            cloud.ahead = 180000
            assert "identical to a previous" in await change("second", DEMO, 400)
            await change("second", "third", 204)
            cloud.ahead = 270000
            await change("third", DEMO, 204)


async def test_keys_rotate_and_old_tokens_live_on(tmp_path: Path) -> None:
    from unkai.identity.service import keyring

    with identity_cloud(tmp_path, UnkaiOptions(token_key_days=1), FernetOptions(max_active_keys=2)) as cloud:
        before = await cloud.login("demo", DEMO)
        assert await cloud.kit.db.run(keyring.rotate, cloud.kit) is False
        cloud.ahead = 86400 - 3000
        before = await cloud.login("demo", DEMO)
        cloud.ahead = 86400 + 10
        assert await cloud.kit.db.run(keyring.rotate, cloud.kit) is True
        after = await cloud.login("demo", DEMO)
        for token in (before, after):
            async with cloud.client(token) as client:
                assert (await client.get("/identity/v3/auth/projects")).status_code == 200
        for day in (2, 5, 9):
            cloud.ahead = 86400 * day + 100
            assert await cloud.kit.db.run(keyring.rotate, cloud.kit) is True
        with cloud.kit.db.engine.connect() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM identity_keys WHERE purpose = 'token'").scalar()
        assert count == 2


async def test_revocation_is_seen_by_another_process(tmp_path: Path) -> None:
    """Two kits on one database: what one revokes, the other refuses at its next request."""
    with identity_cloud(tmp_path) as one, identity_cloud(tmp_path) as two:
        token = await one.login("admin", ADMIN, SYSTEM)
        async with two.client(token) as client:
            assert (await client.get("/identity/v3/users")).status_code == 200
        async with one.client(token) as client:
            assert (await client.delete(TOKENS, headers={"X-Subject-Token": token})).status_code == 204
        async with two.client(token) as client:
            assert (await client.get("/identity/v3/users")).status_code == 401


@pytest.mark.postgres
async def test_revocation_is_seen_by_another_process_on_postgres(tmp_path: Path, postgres_url: str) -> None:
    with identity_cloud(tmp_path, url=postgres_url) as one, identity_cloud(tmp_path, url=postgres_url) as two:
        token = await one.login("admin", ADMIN, SYSTEM)
        async with two.client(token) as client:
            answers = await asyncio.gather(*(client.get("/identity/v3/users") for _ in range(8)))
            assert {answer.status_code for answer in answers} == {200}
            async with one.client(token) as other:
                assert (await other.delete(TOKENS, headers={"X-Subject-Token": token})).status_code == 204
            answers = await asyncio.gather(*(client.get("/identity/v3/users") for _ in range(8)))
            assert {answer.status_code for answer in answers} == {401}


async def test_what_a_token_can_be_exchanged_for(cloud: IdentityCloud) -> None:
    async with cloud.as_admin("unscoped") as admin:
        assert [one["name"] for one in (await admin.get("/auth/projects"))["projects"]] == ["admin"]
        assert [one["name"] for one in (await admin.get("/auth/domains"))["domains"]] == ["Default"]
        assert (await admin.get("/auth/system"))["system"] == [{"all": True}]
        await admin.get("/auth/catalog", 403)
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        assert (await demo.get("/auth/system"))["system"] == []
        assert {one["name"] for one in (await demo.get("/auth/catalog"))["catalog"]} >= {"keystone", "nova"}


async def test_the_catalog_names_the_project_where_an_address_asks_for_it(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        made = await admin.post("/services", {"service": {"type": "volumev3", "name": "cinder"}})
        url = "http://cloud.test/volume/v3/$(project_id)s"
        endpoint = {"service_id": made["service"]["id"], "interface": "public", "region_id": "RegionOne", "url": url}
        await admin.post("/endpoints", {"endpoint": endpoint})
    of_project = (await cloud.authenticate(by_password("admin", ADMIN, scope=project("admin")))).json()["token"]
    urls = {s["type"]: s["endpoints"][0]["url"] for s in of_project["catalog"]}
    assert urls["volumev3"] == f"http://cloud.test/volume/v3/{cloud.made.projects['admin']}"
    of_system = (await cloud.authenticate(by_password("admin", ADMIN, scope=SYSTEM))).json()["token"]
    assert "volumev3" not in {service["type"] for service in of_system["catalog"]}


async def test_versions(cloud: IdentityCloud) -> None:
    async with cloud.client() as client:
        found = await client.get("/identity")
        assert found.status_code == 300
        assert found.json()["versions"]["values"][0]["id"] == "v3.14"
        version = (await client.get("/identity/v3/")).json()["version"]
        assert (version["status"], version["links"][0]["href"]) == ("stable", "http://cloud.test/identity/v3/")
        assert (await client.get("/identity/v3/nothing")).json()["error"]["code"] == 404


async def test_bootstrap_again_repairs_and_never_doubles(cloud: IdentityCloud) -> None:
    from unkai.identity import service

    again = service.Bootstrap(public_endpoint="http://new.test", admin_password="changed", demo_password=DEMO)
    token = await cloud.login("demo", DEMO)
    assert cloud.kit.db.run_now(service.bootstrap, cloud.kit, again) == cloud.made
    assert (await cloud.authenticate(by_password("admin", ADMIN))).status_code == 401
    async with cloud.as_user("admin", "changed", SYSTEM) as admin:
        endpoints = (await admin.get("/endpoints"))["endpoints"]
        assert len(endpoints) == 15 and all(one["url"].startswith("http://new.test/") for one in endpoints)
        assert len((await admin.get("/users"))["users"]) == 2
    async with cloud.client(token) as client:
        assert (await client.get("/identity/v3/auth/projects")).status_code == 200, (
            "an unchanged password ends nothing"
        )
