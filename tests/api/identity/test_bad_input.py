"""What must be refused: malformed bodies, wrong types, sizes, unknown things. Nothing changes."""

import time
from typing import Any

import pytest

from harness.identity import ADMIN, TOKENS, IdentityCloud, by_password, by_token, project

CREATES: dict[str, str] = {
    "/users": "user",
    "/projects": "project",
    "/domains": "domain",
    "/groups": "group",
    "/roles": "role",
    "/services": "service",
    "/endpoints": "endpoint",
    "/regions": "region",
    "/credentials": "credential",
    "/policies": "policy",
}


def check_error(answer: Any, status: int) -> str:
    """The status and upstream's error body; gives the message."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "title"}
    assert error["code"] == status
    assert error["message"]
    return str(error["message"])


@pytest.mark.parametrize("content", [b"", b"{", b"[1,", b"\xff\xfe", b'"text"', b"[]", b"null", b"7", b"{}"])
async def test_malformed_bodies(cloud: IdentityCloud, content: bytes) -> None:
    async with cloud.as_admin() as admin:
        headers = {"Content-Type": "application/json"}
        for path in (*CREATES, "/auth/tokens", "/limits", "/registered_limits"):
            check_error(await admin.http.post(f"/identity/v3{path}", content=content, headers=headers), 400)


@pytest.mark.parametrize("path", CREATES)
async def test_wrong_types(cloud: IdentityCloud, path: str) -> None:
    key = CREATES[path]
    async with cloud.as_admin() as admin:
        before = await admin.get(path)
        for body in (
            {key: []},
            {key: None},
            {key: "x"},
            {"other": {"name": "x"}},
            {key: {"name": 7, "type": 7, "id": 7}},
            {key: {"name": ["x"], "blob": [], "url": {}, "id": {}}},
        ):
            check_error(await admin.http.post(f"/identity/v3{path}", json=body), 400)
        assert await admin.get(path) == before


@pytest.mark.parametrize(
    ("path", "longest"), [("/users", 255), ("/groups", 255), ("/roles", 255), ("/projects", 64), ("/domains", 64)]
)
async def test_names(cloud: IdentityCloud, path: str, longest: int) -> None:
    key = CREATES[path]
    async with cloud.as_admin() as admin:
        for bad in ("", "   ", "x" * (longest + 1), None, 7):
            check_error(await admin.http.post(f"/identity/v3{path}", json={key: {"name": bad}}), 400)
        check_error(await admin.http.post(f"/identity/v3{path}", json={key: {"description": "nameless"}}), 400)
        made = (await admin.post(path, {key: {"name": "x" * longest}}))[key]
        await admin.patch(f"{path}/{made['id']}", {key: {"name": "ü✓"}})
        for bad_body in ({"name": "x" * (longest + 1)}, {}, {"id": "0" * 32}, {"description": 7}):
            answer = await admin.http.patch(f"/identity/v3{path}/{made['id']}", json={key: bad_body})
            check_error(answer, 400)
        assert (await admin.get(f"{path}/{made['id']}"))[key]["name"] == "ü✓"


@pytest.mark.parametrize("enabled", [1, "maybe", [], {}, None])
@pytest.mark.parametrize("path", ["/users", "/projects", "/domains"])
async def test_enabled(cloud: IdentityCloud, path: str, enabled: Any) -> None:
    async with cloud.as_admin() as admin:
        body = {CREATES[path]: {"name": "x", "enabled": enabled}}
        check_error(await admin.http.post(f"/identity/v3{path}", json=body), 400)


async def test_enabled_in_upstream_s_spellings(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        for number, (word, value) in enumerate(
            {"True": True, "no": False, "1": True, "": False, "off": False}.items()
        ):
            assert (await admin.user(f"u{number}", enabled=word))["enabled"] is value


async def test_unknown_ids(cloud: IdentityCloud) -> None:
    missing = "0" * 32
    async with cloud.as_admin() as admin:
        for path, key in CREATES.items():
            for one in (missing, "not an id", "%00", "ü"):
                answer = await admin.http.get(f"/identity/v3{path}/{one}")
                check_error(answer, 404)
            patch = {key: {"blob": "x"} if path == "/credentials" else {"description": "x", "name": "y"}}
            check_error(await admin.http.patch(f"/identity/v3{path}/{missing}", json=patch), 404)
            check_error(await admin.http.delete(f"/identity/v3{path}/{missing}"), 404)
        for path in ("/nothing", "/users/x/nothing", "/projects/x/y/z"):
            check_error(await admin.http.get(f"/identity/v3{path}"), 404)
        check_error(await admin.http.put("/identity/v3/users"), 405)


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"identity": {}},
        {"identity": {"methods": "password"}},
        {"identity": {"methods": []}},
        {"identity": {"methods": ["password"]}},
        {"identity": {"methods": ["token"]}},
        {"identity": {"methods": ["token"], "token": {}}},
        {"identity": {"methods": ["password"], "password": {}}},
        {"identity": {"methods": ["password"], "password": {"user": {}}}},
        {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}},
        {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "admin", "domain": {}, "password": "x"}},
            }
        },
        {"identity": {"methods": ["password"], "password": {"user": {"id": 7, "password": "x"}}}},
        {"identity": {"methods": ["application_credential"], "application_credential": {"secret": "x"}}},
        by_password("admin", ADMIN, scope={})["auth"],
        by_password("admin", ADMIN, scope="everything")["auth"],
        by_password("admin", ADMIN, scope={"project": {}})["auth"],
        by_password("admin", ADMIN, scope={"project": {"name": "admin"}})["auth"],
        by_password("admin", ADMIN, scope={"project": {"name": "admin", "domain": {}}})["auth"],
        by_password("admin", ADMIN, scope={"domain": {}})["auth"],
        by_password("admin", ADMIN, scope=project("admin") | {"domain": {"id": "default"}})["auth"],
        by_password("admin", ADMIN, scope={"system": "all"})["auth"],
    ],
)
async def test_requests_for_tokens(cloud: IdentityCloud, auth: dict[str, Any]) -> None:
    check_error(await cloud.authenticate({"auth": auth}), 400)


async def test_unsupported_methods(cloud: IdentityCloud) -> None:
    for method in ("oauth1", "saml2", "x" * 10_000):
        check_error(await cloud.authenticate({"auth": {"identity": {"methods": [method], method: {}}}}), 401)
    check_error(await cloud.authenticate(by_token("nonsense")), 404)


async def test_oversize(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        answer = await admin.http.post("/identity/v3/users", json={"user": {"name": "x", "extra": "y" * 200_000}})
        check_error(answer, 413)
        answer = await admin.http.post("/identity/v3/users", json={"user": {"name": "x", "password": "y" * 5000}})
        assert "longer than 4096" in check_error(answer, 400)
        answer = await admin.http.get("/identity/v3/users?name=" + "x" * 20_000)
        check_error(answer, 414)
        deep = b'{"user": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
        check_error(await admin.http.post("/identity/v3/users", content=deep), 400)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        check_error(await admin.http.post("/identity/v3/users", content=b"a=b", headers=form), 415)
        assert len((await admin.get("/users"))["users"]) == 2


async def test_without_a_token(cloud: IdentityCloud) -> None:
    async with cloud.client() as client:
        for path in ("/users", "/projects", "/auth/projects", "/auth/tokens", "/roles"):
            answer = await client.get(f"/identity/v3{path}")
            assert check_error(answer, 401) == "The request you have made requires authentication."
            assert "WWW-Authenticate" in answer.headers


async def test_subject_tokens(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        for method in ("GET", "DELETE"):
            check_error(await admin.http.request(method, TOKENS), 404)
            check_error(await admin.http.request(method, TOKENS, headers={"X-Subject-Token": "x"}), 404)


async def test_extra_attributes_do_not_shadow_what_they_are_not(cloud: IdentityCloud) -> None:
    async with cloud.as_admin() as admin:
        made = await admin.user("u", links={"self": "http://evil"}, id="0" * 32, password_expires_at="never")
        assert made["links"]["self"].startswith("http://cloud.test/")
        assert made["id"] != "0" * 32
        assert made["password_expires_at"] is None
        made = await admin.project("p", links="x", id="0" * 32)
        assert made["links"]["self"].endswith(made["id"])


async def test_unknown_users_take_as_long_as_known_ones(cloud: IdentityCloud) -> None:
    async def seconds(name: str) -> float:
        best = 10.0
        for _ in range(4):
            began = time.perf_counter()
            assert (await cloud.authenticate(by_password(name, "wrong"))).status_code == 401
            best = min(best, time.perf_counter() - began)
        return best

    known, unknown = await seconds("admin"), await seconds("nobody")
    assert 0.5 < unknown / known < 2
