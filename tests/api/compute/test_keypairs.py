"""Key pairs over HTTP (SEC-002 to SEC-006)."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from harness.simulated_cloud import Answer, SimulatedCloud

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcUEiS6s4M6nXHcKPJGzBAOMUDBjXXDmbPPDAgo5rHZ someone@example"


async def create(cloud: SimulatedCloud, version: str = "2.1", user: str = "demo", **fields: Any) -> Answer:
    return await cloud.compute("POST", "/os-keypairs", {"keypair": fields}, user=user, version=version)


async def test_generated_keys_fit_and_are_shown_once(cloud: SimulatedCloud) -> None:
    answer = await create(cloud, name="made")
    made = answer.body["keypair"]
    assert answer.status == 200
    assert set(made) == {"name", "user_id", "public_key", "fingerprint", "private_key"}
    private = serialization.load_pem_private_key(made["private_key"].encode(), None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert made["public_key"].startswith(public.decode())
    shown = (await cloud.compute("GET", "/os-keypairs/made", user="demo")).body["keypair"]
    assert "private_key" not in shown and shown["fingerprint"] == made["fingerprint"]
    assert (shown["deleted"], shown["deleted_at"], shown["updated_at"]) == (False, None, None)


async def test_certificates(cloud: SimulatedCloud) -> None:
    answer = await create(cloud, "2.2", name="windows", type="x509")
    made = answer.body["keypair"]
    assert answer.status == 201 and made["type"] == "x509"
    assert made["public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert len(made["fingerprint"].split(":")) == 20


async def test_import_and_delete(cloud: SimulatedCloud) -> None:
    answer = await create(cloud, "2.92", name="mine@home.example", public_key=KEY)
    assert answer.status == 201
    assert answer.body["keypair"]["fingerprint"] == "59:89:5c:a5:d2:6a:e1:d8:6b:53:c5:7c:79:49:78:c9"
    assert (await create(cloud, "2.92", name="mine@home.example", public_key=KEY)).status == 409
    assert (await cloud.compute("DELETE", "/os-keypairs/mine@home.example", user="demo", version="2.2")).status == 204
    gone = await cloud.compute("DELETE", "/os-keypairs/mine@home.example", user="demo", version="2.2")
    assert (gone.status, gone.fault[0]) == (404, "itemNotFound")


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({"name": "bad", "public_key": "ssh-rsa nonsense"}, "2.1"),
        ({"name": "bad", "public_key": ""}, "2.1"),
        ({"name": "bad", "public_key": KEY, "type": "x509"}, "2.2"),
        ({"name": "bad", "public_key": KEY, "type": "gpg"}, "2.2"),
        ({"name": "bad", "public_key": KEY, "type": "ssh"}, "2.1"),
        ({"name": "bad", "public_key": KEY, "user_id": "x"}, "2.9"),
        ({"name": "", "public_key": KEY}, "2.1"),
        ({"name": "x" * 256, "public_key": KEY}, "2.1"),
        ({"name": "a/b", "public_key": KEY}, "2.92"),
        ({"name": "a@b", "public_key": KEY}, "2.91"),
        ({"name": "bad"}, "2.92"),
        ({"public_key": KEY}, "2.1"),
        ({"name": "bad", "public_key": KEY, "colour": "red"}, "2.1"),
    ],
)
async def test_refused_bodies(cloud: SimulatedCloud, fields: dict[str, Any], version: str) -> None:
    answer = await create(cloud, version, **fields)
    assert (answer.status, answer.fault[0]) == (400, "badRequest"), answer.text
    names = [
        one["keypair"]["name"] for one in (await cloud.compute("GET", "/os-keypairs", user="demo")).body["keypairs"]
    ]
    assert "bad" not in names


async def test_other_users_keys(cloud: SimulatedCloud) -> None:
    made = (await create(cloud, name="private-matter", public_key=KEY)).body["keypair"]
    assert (await cloud.compute("GET", "/os-keypairs/private-matter")).status == 404
    seen = await cloud.compute("GET", f"/os-keypairs/private-matter?user_id={made['user_id']}", version="2.10")
    assert seen.body["keypair"]["user_id"] == made["user_id"]
    admin = (await create(cloud, user="admin", name="admins", public_key=KEY)).body["keypair"]["user_id"]
    refused = await cloud.compute("GET", f"/os-keypairs?user_id={admin}", user="demo", version="2.10")
    assert (refused.status, refused.fault[0]) == (403, "forbidden")
    for_other = await create(cloud, "2.10", user="admin", name="gift", public_key=KEY, user_id=made["user_id"])
    assert for_other.body["keypair"]["user_id"] == made["user_id"]


async def test_pages(cloud: SimulatedCloud) -> None:
    for name in ("page-a", "page-b", "page-c"):
        assert (await create(cloud, user="admin", name=name, public_key=KEY)).status == 200
    first = await cloud.compute("GET", "/os-keypairs?limit=2", version="2.35")
    names = [one["keypair"]["name"] for one in first.body["keypairs"]]
    assert len(names) == 2 and names == sorted(names)
    link = first.body["keypairs_links"][0]["href"].removeprefix("http://cloud.example")
    second = await cloud.call("GET", link, version="2.35")
    assert second.body["keypairs"][0]["keypair"]["name"] > names[-1]
    assert (await cloud.compute("GET", "/os-keypairs?marker=nobody", version="2.35")).status == 400
    assert (await cloud.compute("GET", "/os-keypairs?colour=red", version="2.75")).status == 400
    # Before 2.35 there were no pages.
    assert len((await cloud.compute("GET", "/os-keypairs?limit=1")).body["keypairs"]) >= 3


async def test_quota(cloud: SimulatedCloud) -> None:
    project = cloud.projects["demo"]
    have = len((await cloud.compute("GET", "/os-keypairs", user="demo")).body["keypairs"])
    await cloud.compute("PUT", f"/os-quota-sets/{project}", {"quota_set": {"key_pairs": have}})
    answer = await create(cloud, name="one-too-many", public_key=KEY)
    assert answer.fault == ("forbidden", "Quota exceeded, too many key pairs.")
    await cloud.compute("DELETE", f"/os-quota-sets/{project}")
