"""Users, groups and memberships."""

import datetime
from pathlib import Path

from harness.identity import DEMO, SYSTEM, IdentityCloud, by_password, identity_cloud
from unkai.identity.settings import SecurityOptions


async def test_life_of_a_user(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.user("u", email="u@example.org", description="d", enabled=True)
        assert (made["email"], made["description"], made["password_expires_at"]) == ("u@example.org", "d", None)
        assert "password" not in made and "default_project_id" not in made
        path = f"/users/{made['id']}"
        assert (await admin.get(path))["user"] == made
        changed = (await admin.patch(path, {"user": {"name": "v", "email": "v@example.org", "extra": [1]}}))["user"]
        assert changed == made | {"name": "v", "email": "v@example.org", "extra": [1]}
        await admin.delete(path)
        await admin.get(path, 404)
        assert (await cloud.authenticate(by_password("v", "secret"))).status_code == 401


async def test_options(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.user("u", options={"ignore_password_expiry": True, "lock_password": True})
        path = f"/users/{made['id']}"
        changed = await admin.patch(
            path, {"user": {"options": {"lock_password": None, "ignore_lockout_failure_attempts": True}}}
        )
        assert changed["user"]["options"] == {"ignore_password_expiry": True, "ignore_lockout_failure_attempts": True}
        await admin.patch(path, {"user": {"options": {"lock_password": True}}})
        body = {"user": {"original_password": "secret", "password": "new"}}
        refused = await admin.post(f"{path}/password", body, 400)
        assert "disallowing password changes" in refused["error"]["message"]
        for bad in ({"unknown": True}, {"lock_password": "yes"}, {"multi_factor_auth_rules": ["password"]}):
            await admin.patch(path, {"user": {"options": bad}}, 400)


async def test_a_user_without_a_password_cannot_log_in(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        await admin.post("/users", {"user": {"name": "none"}})
        assert (await cloud.authenticate(by_password("none", ""))).status_code == 401
        made = await admin.user("some")
        await admin.patch(f"/users/{made['id']}", {"user": {"password": None}})
        assert (await cloud.authenticate(by_password("some", "secret"))).status_code == 401


async def test_an_administrator_resets_a_password(cloud: IdentityCloud) -> None:
    async with cloud.as_user("demo", DEMO) as demo, cloud.as_admin() as admin:
        await admin.patch(f"/users/{cloud.made.users['demo']}", {"user": {"password": "reset"}})
        await demo.get("/auth/projects", 401)
    assert (await cloud.authenticate(by_password("demo", "reset"))).status_code == 201


async def test_first_use(tmp_path: Path) -> None:
    with identity_cloud(tmp_path, SecurityOptions(change_password_upon_first_use=True)) as cloud:
        async with cloud.as_admin() as admin:
            made = await admin.user("u")
            assert (await cloud.authenticate(by_password("u", "secret"))).status_code == 401
            body = {"user": {"original_password": "secret", "password": "own"}}
            await admin.post(f"/users/{made['id']}/password", body, 204)
            assert (await cloud.authenticate(by_password("u", "own"))).status_code == 201


async def test_inactive_users(tmp_path: Path) -> None:
    with identity_cloud(tmp_path, SecurityOptions(disable_user_account_days_inactive=2)) as cloud:
        cloud.ahead = 86400
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 201
        cloud.ahead = 2.5 * 86400
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 201
        cloud.ahead = 5 * 86400
        assert (await cloud.authenticate(by_password("demo", DEMO))).status_code == 401


async def test_lists(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        await admin.user("alice", domain_id=domain["id"])
        await admin.user("bob", domain_id=domain["id"], enabled=False)

        async def names(query: str) -> list[str]:
            return [one["name"] for one in (await admin.get(f"/users?{query}"))["users"]]

        assert await names("") == ["admin", "alice", "bob", "demo"]
        assert await names(f"domain_id={domain['id']}&enabled=true") == ["alice"]
        assert await names("name__startswith=a") == ["admin", "alice"]
        assert await names("sort_key=name&sort_dir=desc") == ["demo", "bob", "alice", "admin"]
        assert await names("limit=3") == ["admin", "alice", "bob"]
        assert await names("unique_id=x") == []
        await admin.get("/users?sort_key=password", 400)
        await admin.get("/users?limit=many", 400)


async def test_users_by_the_end_of_their_passwords(tmp_path: Path) -> None:
    with identity_cloud(tmp_path, SecurityOptions(password_expires_days=10)) as cloud:
        async with cloud.as_admin() as admin:
            await admin.user("forever", options={"ignore_password_expiry": True})
            soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=11)).strftime("%Y-%m-%dT%H:%M:%SZ")

            async def names(condition: str) -> list[str]:
                return [one["name"] for one in (await admin.get(f"/users?password_expires_at={condition}"))["users"]]

            assert await names(f"lt:{soon}") == ["admin", "demo"]
            assert await names(f"gte:{soon}") == []
            assert await names(soon) == []
            assert await names(f"neq:{soon}") == ["admin", "demo"]
            await admin.get(f"/users?password_expires_at=near:{soon}", 400)
            await admin.get("/users?password_expires_at=lt:tomorrow", 400)


async def test_names_are_unique_within_a_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        domain = await admin.domain("d")
        for kind, key in (("users", "user"), ("groups", "group")):
            await admin.post(f"/{kind}", {key: {"name": "same"}})
            await admin.post(f"/{kind}", {key: {"name": "same", "domain_id": domain["id"]}})
            await admin.post(f"/{kind}", {key: {"name": "same"}}, 409)
            other = (await admin.post(f"/{kind}", {key: {"name": "other"}}))[key]
            await admin.patch(f"/{kind}/{other['id']}", {key: {"name": "same"}}, 409)
            await admin.patch(f"/{kind}/{other['id']}", {key: {"domain_id": domain["id"]}}, 400)
            await admin.post(f"/{kind}", {key: {"name": "x", "domain_id": "0" * 32}}, 404)


async def test_groups(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        group = await admin.group("g", description="d", custom="kept")
        assert group["custom"] == "kept"
        path = f"/groups/{group['id']}"
        user = await admin.user("u")
        member = f"{path}/users/{user['id']}"
        await admin.head(member, 404)
        await admin.delete(member, 404)
        await admin.put(member)
        await admin.put(member)
        await admin.head(member)
        assert [one["name"] for one in (await admin.get(f"{path}/users"))["users"]] == ["u"]
        assert (await admin.get(f"{path}/users?enabled=false"))["users"] == []
        listed = (await admin.get(f"/users/{user['id']}/groups"))["groups"]
        assert [(one["name"], one["membership_expires_at"]) for one in listed] == [("g", None)]
        changed = await admin.patch(path, {"group": {"name": "h", "description": None}})
        assert (changed["group"]["name"], changed["group"]["description"]) == ("h", "")
        assert [one["name"] for one in (await admin.get("/groups?name=h"))["groups"]] == ["h"]
        await admin.put(f"{path}/users/{'0' * 32}", 404)
        await admin.put(f"/groups/{'0' * 32}/users/{user['id']}", 404)
        await admin.delete(path)
        await admin.get(path, 404)
        assert (await admin.get(f"/users/{user['id']}/groups"))["groups"] == []


async def test_users_see_themselves(cloud: IdentityCloud) -> None:
    async with cloud.as_admin(SYSTEM) as admin:
        other = await admin.user("other")
    own = cloud.made.users["demo"]
    for scope in (None, "unscoped"):
        async with cloud.as_user("demo", DEMO, scope) as demo:
            assert (await demo.get(f"/users/{own}"))["user"]["name"] == "demo"
            assert [one["name"] for one in (await demo.get(f"/users/{own}/projects"))["projects"]] == ["demo"]
            assert (await demo.get(f"/users/{own}/groups"))["groups"] == []
            for path in (f"/users/{other['id']}", f"/users/{'0' * 32}", f"/users/{other['id']}/projects", "/users"):
                await demo.get(path, 403)
            await demo.patch(f"/users/{own}", {"user": {"enabled": True}}, 403)
            await demo.delete(f"/users/{own}", 403)
            await demo.post("/users", {"user": {"name": "x"}}, 403)
            await demo.post("/groups", {"group": {"name": "x"}}, 403)


async def test_ending_all_tokens_of_a_user(cloud: IdentityCloud) -> None:
    async with cloud.as_user("demo", DEMO) as demo, cloud.as_user("demo", DEMO) as again:
        await demo.delete(f"/users/{cloud.made.users['admin']}/tokens", 403)
        await demo.delete(f"/users/{cloud.made.users['demo']}/tokens")
        await demo.get("/auth/projects", 401)
        await again.get("/auth/projects", 401)


async def test_a_default_project_is_no_domain(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        await admin.post("/users", {"user": {"name": "u", "default_project_id": "default"}}, 400)
        await admin.post("/users", {"user": {"name": "u", "default_project_id": "not there"}})
