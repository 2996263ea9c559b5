"""Credentials, application credentials and access rules."""

import datetime
import json
from typing import Any

import pytest

from harness.identity import ADMIN, DEMO, SYSTEM, TOKENS, Caller, IdentityCloud, by_token, project
from unkai.identity.settings import ApplicationCredentialOptions


def by_credential(identity: str, secret: str, **more: Any) -> dict[str, Any]:
    given = {"id": identity, "secret": secret}
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}} | more}


async def make(caller: Caller, user_id: str, name: str, expect: int = 201, **more: Any) -> dict[str, Any]:
    body = {"application_credential": {"name": name, **more}}
    made = await caller.post(f"/users/{user_id}/application_credentials", body, expect)
    return dict(made.get("application_credential", made))


async def test_life_of_an_application_credential(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        made = await make(demo, own, "app", description="d")
        assert len(made["secret"]) == 86
        assert [role["name"] for role in made["roles"]] == ["member", "reader"] or len(made["roles"]) == 2
        path = f"/users/{own}/application_credentials/{made['id']}"
        shown = (await demo.get(path))["application_credential"]
        assert shown == {key: value for key, value in made.items() if key != "secret"}
        listed = (await demo.get(f"/users/{own}/application_credentials?name=app"))["application_credentials"]
        assert listed == [shown]
        await make(demo, own, "app", 409)
        issued = await cloud.authenticate(by_credential(made["id"], made["secret"]))
        token = issued.json()["token"]
        assert token["application_credential"] == {"id": made["id"], "name": "app", "restricted": True}
        assert (token["methods"], token["project"]["name"]) == (["application_credential"], "demo")
        async with cloud.client(issued.headers["X-Subject-Token"]) as client:
            assert (await client.get(f"/identity/v3/users/{own}")).status_code == 200
            await demo.delete(path)
            assert (await client.get(f"/identity/v3/users/{own}")).status_code == 401
        await demo.get(path, 404)
        assert (await cloud.authenticate(by_credential(made["id"], made["secret"]))).status_code == 401


async def test_by_name(cloud: IdentityCloud) -> None:
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        await make(demo, cloud.made.users["demo"], "app", secret="known")
    given = {"name": "app", "secret": "known", "user": {"name": "demo", "domain": {"name": "Default"}}}
    body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}}}
    assert (await cloud.authenticate(body)).status_code == 201
    given["secret"] = "wrong"
    assert (await cloud.authenticate(body)).status_code == 401
    given["name"] = "other"
    assert (await cloud.authenticate(body)).status_code == 401
    del given["user"]
    assert (await cloud.authenticate(body)).status_code == 400


async def test_a_credential_carries_only_its_roles(cloud: IdentityCloud) -> None:
    own = cloud.made.users["admin"]
    async with cloud.as_admin() as admin:
        made = await make(admin, own, "read", roles=[{"name": "reader"}])
        assert [role["name"] for role in made["roles"]] == ["reader"]
        member = await make(admin, own, "write", roles=[{"id": cloud.made.roles["member"]}])
        assert {role["name"] for role in member["roles"]} == {"member", "reader"}, "with what the role implies"
        token = await cloud.token(by_credential(made["id"], made["secret"]))
        async with cloud.client(token) as client:
            assert (await client.get("/identity/v3/users")).status_code == 403
        await make(admin, own, "x", 400, roles=[{"id": cloud.made.roles["service"]}])
        await make(admin, own, "x", 404, roles=[{"name": "nothing"}])
        await make(admin, own, "x", 400, roles=[{}])


async def test_a_credential_loses_what_its_owner_loses(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        user = await admin.user("u")
        grants = f"/projects/{cloud.made.projects['demo']}/users/{user['id']}/roles"
        for name in ("manager", "reader"):
            await admin.put(f"{grants}/{cloud.made.roles[name]}")
        async with cloud.as_user("u", "secret", project("demo")) as owner:
            made = await make(owner, user["id"], "app", roles=[{"name": "manager"}])
        token = await cloud.token(by_credential(made["id"], made["secret"]))

        async def roles() -> list[str]:
            shown = await admin.get("/auth/tokens", headers={"X-Subject-Token": token})
            return [role["name"] for role in shown["token"]["roles"]]

        assert await roles() == ["manager", "member", "reader"]
        await admin.delete(f"{grants}/{cloud.made.roles['manager']}")
        assert await roles() == ["reader"]
        await admin.patch(f"/users/{user['id']}", {"user": {"enabled": False}})
        await admin.patch(f"/users/{user['id']}", {"user": {"enabled": True}})
        assert (await cloud.authenticate(by_credential(made["id"], made["secret"]))).status_code == 401


async def test_expiry(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=600)
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        made = await make(demo, own, "app", expires_at=end.isoformat())
        assert made["expires_at"].startswith(end.strftime("%Y-%m-%dT%H:%M:%S"))
        issued = await cloud.authenticate(by_credential(made["id"], made["secret"]))
        assert issued.json()["token"]["expires_at"].startswith(end.strftime("%Y-%m-%dT%H:%M:%S"))
        await make(demo, own, "x", 400, expires_at="2001-01-01T00:00:00")
        await make(demo, own, "x", 400, expires_at="soon")
        cloud.ahead = 601
        assert (await cloud.authenticate(by_credential(made["id"], made["secret"]))).status_code == 401


async def test_restricted_credentials_make_no_others(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        narrow = await make(demo, own, "narrow")
        wide = await make(demo, own, "wide", unrestricted=True)
    for made, status in ((narrow, 403), (wide, 201)):
        token = await cloud.token(by_credential(made["id"], made["secret"]))
        async with cloud.client(token) as client:
            caller = Caller(client)
            await make(caller, own, "more", status)
            await caller.delete(f"/users/{own}/application_credentials/{narrow['id']}", 403 if status == 403 else 204)
            assert (await caller.get("/credentials"))["credentials"] == []
            body = {"credential": {"type": "cert", "blob": "x", "user_id": own}}
            await caller.post("/credentials", body, 403)
        assert (await cloud.authenticate(by_token(token, project("demo")))).status_code == 403
    asked = by_credential(wide["id"], wide["secret"], scope=project("demo"))
    assert (await cloud.authenticate(asked)).status_code == 401


async def test_nobody_makes_or_sees_them_for_others(cloud: IdentityCloud) -> None:
    other = cloud.made.users["admin"]
    async with cloud.as_admin() as admin:
        theirs = await make(admin, other, "app")
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        await make(demo, other, "x", 403)
        await demo.get(f"/users/{other}/application_credentials", 403)
        for user_id in (other, cloud.made.users["demo"]):
            await demo.get(f"/users/{user_id}/application_credentials/{theirs['id']}", 403)
            await demo.delete(f"/users/{user_id}/application_credentials/{theirs['id']}", 403)
    async with cloud.as_admin(SYSTEM) as admin:
        await make(admin, other, "x", 403)
        await admin.get(f"/users/{other}/application_credentials/{theirs['id']}")


async def test_access_rules(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    rule = {"service": "compute", "method": "GET", "path": "/v2.1/servers"}
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        made = await make(demo, own, "app", access_rules=[rule])
        assert [{key: one[key] for key in rule} for one in made["access_rules"]] == [rule]
        again = await make(demo, own, "again", access_rules=[rule, {"id": made["access_rules"][0]["id"]}])
        assert again["access_rules"][0]["id"] == made["access_rules"][0]["id"], "the same rule is the same row"
        listed = (await demo.get(f"/users/{own}/access_rules?service=compute"))["access_rules"]
        assert len(listed) == 1
        path = f"/users/{own}/access_rules/{listed[0]['id']}"
        assert (await demo.get(path))["access_rule"] == listed[0]
        await demo.delete(path, 403)
        for one in (made, again):
            await demo.delete(f"/users/{own}/application_credentials/{one['id']}")
        await demo.delete(path)
        await demo.get(path, 404)
        for bad in ({"service": "compute"}, rule | {"method": "STEAL"}, rule | {"path": "no-slash"}):
            await make(demo, own, "x", 400, access_rules=[bad])
        await make(demo, own, "x", 404, access_rules=[{"id": "0" * 32}])
        assert (await demo.get(f"/users/{own}/access_rules"))["access_rules"] == []
        await demo.get(f"/users/{cloud.made.users['admin']}/access_rules", 403)


async def test_validating_a_token_with_access_rules_needs_a_service_that_checks_them(cloud: IdentityCloud) -> None:
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        rule = {"service": "identity", "method": "GET", "path": "/v3/auth/projects"}
        made = await make(demo, cloud.made.users["demo"], "app", access_rules=[rule])
    subject = await cloud.token(by_credential(made["id"], made["secret"]))
    async with cloud.as_admin() as admin:
        await admin.get("/auth/tokens", 404, headers={"X-Subject-Token": subject})
        headers = {"X-Subject-Token": subject, "OpenStack-Identity-Access-Rules": "1.0"}
        shown = await admin.get("/auth/tokens", headers=headers)
        assert shown["token"]["application_credential"]["access_rules"][0]["path"] == "/v3/auth/projects"


async def test_access_rules_limit_what_a_token_opens(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    rule = {"service": "identity", "method": "GET", "path": "/v3/auth/projects"}
    async with cloud.as_user("demo", DEMO, project("demo")) as demo:
        some = await make(demo, own, "some", access_rules=[rule], unrestricted=True)
        none = await make(demo, own, "none", access_rules=[])
    for made, status in ((some, 200), (none, 401)):
        token = await cloud.token(by_credential(made["id"], made["secret"]))
        async with cloud.client(token) as client:
            caller = Caller(client)
            await caller.get("/auth/projects", status)
            await caller.get(f"/users/{own}", 401)
            await caller.delete("/auth/tokens", 401, headers={"X-Subject-Token": token})
            headers = {"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"}
            await caller.get("/auth/tokens", headers=headers)


async def test_limit_of_credentials(tmp_path: Any) -> None:
    from harness.identity import identity_cloud

    with identity_cloud(tmp_path, ApplicationCredentialOptions(user_limit=1)) as cloud:
        async with cloud.as_user("demo", DEMO, project("demo")) as demo:
            await make(demo, cloud.made.users["demo"], "one")
            refused = await make(demo, cloud.made.users["demo"], "two", 403)
            assert "maximum of 1" in refused["error"]["message"]


async def test_life_of_a_credential(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    async with cloud.as_user("demo", DEMO, project("demo")) as demo, cloud.as_admin() as admin:
        body = {"type": "cert", "blob": "clear text", "user_id": own, "project_id": None, "custom": 1}
        made = (await demo.post("/credentials", {"credential": body}))["credential"]
        assert (made["blob"], made["custom"]) == ("clear text", 1)
        path = f"/credentials/{made['id']}"
        with cloud.kit.db.engine.connect() as connection:
            stored = connection.exec_driver_sql("SELECT encrypted_blob FROM identity_credentials").scalar()
        assert stored is not None and "clear text" not in stored
        changed = (await demo.patch(path, {"credential": {"blob": "other"}}))["credential"]
        assert changed == made | {"blob": "other"}
        await demo.patch(path, {"credential": {"user_id": cloud.made.users["admin"]}}, 400)
        await admin.post("/credentials", {"credential": body | {"user_id": cloud.made.users["admin"]}})
        assert len((await demo.get("/credentials"))["credentials"]) == 1
        assert len((await admin.get("/credentials"))["credentials"]) == 2
        assert len((await admin.get(f"/credentials?user_id={own}"))["credentials"]) == 1
        await demo.post("/credentials", {"credential": body | {"user_id": cloud.made.users["admin"]}}, 403)
        await demo.delete(path)
        await demo.get(path, 403)
        await admin.get(path, 404)


async def test_ec2_credentials(cloud: IdentityCloud) -> None:
    own = cloud.made.users["demo"]
    path = f"/users/{own}/credentials/OS-EC2"
    async with cloud.as_user("demo", DEMO, project("demo")) as demo, cloud.as_admin() as admin:
        made = (await demo.post(path, {"tenant_id": cloud.made.projects["demo"]}))["credential"]
        assert (made["user_id"], made["tenant_id"], made["trust_id"]) == (own, cloud.made.projects["demo"], None)
        assert (await demo.get(path))["credentials"] == [made]
        assert (await demo.get(f"{path}/{made['access']}"))["credential"] == made
        generic = (await demo.get("/credentials"))["credentials"]
        assert json.loads(generic[0]["blob"])["access"] == made["access"]
        blob = json.loads(generic[0]["blob"])
        forged = json.dumps(blob | {"trust_id": "x"})
        await demo.patch(f"/credentials/{generic[0]['id']}", {"credential": {"blob": forged}}, 400)
        await demo.post(path, {"tenant_id": "0" * 32}, 404)
        await demo.post(path, {"tenant_id": 7}, 400)
        await demo.post(f"/users/{cloud.made.users['admin']}/credentials/OS-EC2", {"tenant_id": "x"}, 403)
        for blob_text in ("no json", "[]", "{}", '{"secret": "x"}'):
            wanted = {"type": "ec2", "user_id": own, "project_id": cloud.made.projects["demo"], "blob": blob_text}
            await demo.post("/credentials", {"credential": wanted}, 400)
        wanted = {"type": "ec2", "user_id": own, "blob": json.dumps(blob)}
        await demo.post("/credentials", {"credential": wanted}, 400)
        duplicate = wanted | {"project_id": cloud.made.projects["demo"]}
        await demo.post("/credentials", {"credential": duplicate}, 409)
        await demo.delete(f"{path}/{made['access']}")
        await demo.get(f"{path}/{made['access']}", 404)
        assert (await admin.get("/credentials"))["credentials"] == []


@pytest.mark.parametrize("secret", ["secret", "clear text", DEMO, ADMIN])
async def test_nothing_secret_is_logged(cloud: IdentityCloud, capsys: pytest.CaptureFixture[str], secret: str) -> None:
    async with cloud.as_admin() as admin:
        user = await admin.user("u", "secret")
        body = {"type": "cert", "blob": "clear text", "user_id": user["id"]}
        await admin.post("/credentials", {"credential": body})
        await admin.post("/users", {"user": {"name": "u", "password": "secret"}}, 409)
        await cloud.login("demo", DEMO)
        token = admin.http.headers["X-Auth-Token"]
        await admin.http.get(TOKENS, headers={"X-Subject-Token": token})
    said = "".join(capsys.readouterr())
    assert "request" in said
    assert secret not in said and token not in said
