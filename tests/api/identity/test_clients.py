"""The released clients, unmodified, against a real socket."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
import uvicorn

from harness.identity import ADMIN, DEMO, IdentityCloud, identity_cloud
from unkai.identity import service


class Running:
    """The room behind uvicorn on a free port, in a thread of its own."""

    def __init__(self, cloud: IdentityCloud) -> None:
        config = uvicorn.Config(cloud.app.asgi, port=0, log_level="warning", interface="asgi3", lifespan="off")
        self.server = uvicorn.Server(config)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.thread.start()
        assert self.ready.wait(20)

    async def _serve(self) -> None:
        serving = asyncio.create_task(self.server.serve())
        while not self.server.started:
            await asyncio.sleep(0.01)
        self.ready.set()
        await serving

    @property
    def url(self) -> str:
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with identity_cloud(tmp_path_factory.mktemp("clients")) as cloud:
        running = Running(cloud)
        wanted = service.Bootstrap(public_endpoint=running.url, admin_password=ADMIN, demo_password=DEMO)
        cloud.kit.db.run_now(service.bootstrap, cloud.kit, wanted)
        yield running.url
        running.stop()


def connect(url: str, username: str = "admin", password: str = ADMIN, **auth: str) -> Any:
    scope = auth or {"project_name": username, "project_domain_name": "Default"}
    return openstack.connect(
        auth_url=f"{url}/identity",
        username=username,
        password=password,
        user_domain_name="Default",
        region_name="RegionOne",
        load_yaml_config=False,
        load_envvars=False,
        app_name="test",
        **scope,
    )


def test_sdk(url: str) -> None:
    admin = connect(url)
    domain = admin.identity.create_domain(name="sdk")
    made = admin.identity.create_project(name="web", domain_id=domain.id, tags=["x"])
    user = admin.identity.create_user(name="alice", domain_id=domain.id, password="secret", email="a@example.org")
    group = admin.identity.create_group(name="staff", domain_id=domain.id)
    admin.identity.add_user_to_group(user, group)
    role = admin.identity.find_role("member")
    admin.identity.assign_project_role_to_group(made, group, role)
    assert [one.name for one in admin.identity.role_assignments_filter(project=made, group=group)] == ["member"]
    assert [one.name for one in admin.identity.projects(domain_id=domain.id, tags="x")] == ["web"]
    assert admin.identity.find_user("alice", domain_id=domain.id).email == "a@example.org"
    assert admin.identity.update_user(user, email="b@example.org").email == "b@example.org"
    listed = list(admin.identity.role_assignments(user_id=user.id, effective=True, include_names=True))
    assert {one.role["name"] for one in listed} == {"member", "reader"}
    alice = openstack.connect(
        auth_url=f"{url}/identity/v3",
        user_id=user.id,
        password="secret",
        project_id=made.id,
        load_yaml_config=False,
        load_envvars=False,
        app_name="test",
    )
    assert alice.current_project_id == made.id
    assert [one.name for one in alice.identity.user_projects(user)] == ["web"]
    credential = alice.identity.create_application_credential(user, "app")
    app = openstack.connect(
        auth_url=f"{url}/identity",
        auth_type="v3applicationcredential",
        application_credential_id=credential.id,
        application_credential_secret=credential.secret,
        load_yaml_config=False,
        load_envvars=False,
        app_name="test",
    )
    assert app.current_user_id == user.id
    with pytest.raises(openstack.exceptions.ForbiddenException):
        list(alice.identity.users())
    with pytest.raises(openstack.exceptions.ConflictException):
        admin.identity.create_project(name="web", domain_id=domain.id)
    admin.identity.update_domain(domain, is_enabled=False)
    admin.identity.delete_domain(domain)
    assert admin.identity.find_domain("sdk") is None


def test_sdk_scopes(url: str) -> None:
    system = connect(url, system_scope="all")
    assert {one.name for one in system.identity.users()} >= {"admin", "demo"}
    domain = connect(url, domain_name="Default")
    assert {one.name for one in domain.identity.projects()} >= {"admin", "demo", "service"}
    with pytest.raises(openstack.exceptions.SDKException, match="401"):
        connect(url, password="wrong").authorize()
    with pytest.raises(openstack.exceptions.SDKException, match="401"):
        connect(url, "demo", DEMO, system_scope="all").authorize()


def run(url: str, *command: str, username: str = "admin", password: str = ADMIN) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    environment |= {
        "OS_AUTH_URL": f"{url}/identity/v3",
        "OS_USERNAME": username,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": username,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_CLIENT_CONFIG_FILE": os.devnull,
    }
    program = Path(sys.executable).parent / "openstack"
    done = subprocess.run(
        [str(program), *command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"openstack {' '.join(command)}: {done.stderr}"
    return done.stdout


def test_command_line(url: str) -> None:
    issued = json.loads(run(url, "token", "issue", "-f", "json"))
    assert issued["id"].startswith("gAAAA")
    run(url, "user", "create", "carol", "--password", "secret", "--project", "demo", "--email", "c@example.org")
    run(url, "role", "add", "--user", "carol", "--project", "demo", "member")
    rows = json.loads(run(url, "role", "assignment", "list", "--user", "carol", "--names", "-f", "json"))
    assert [(row["Role"], row["Project"]) for row in rows] == [("member", "demo@Default")]
    assert "keystone" in run(url, "catalog", "list", username="demo", password=DEMO)
