"""The first users' passwords, and the files by which clients find the cloud (clouds.yaml, openrc)."""

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import yaml


class Credentials(msgspec.Struct, frozen=True):
    admin_password: str
    demo_password: str


def ensure(path: Path) -> Credentials:
    """Read the cloud's passwords, or make them at the first start (the file is for its owner only)."""
    if path.exists():
        return read(path)
    made = Credentials(secrets.token_urlsafe(18), secrets.token_urlsafe(18))
    write_private(path, msgspec.json.encode(made))
    return made


def read(path: Path) -> Credentials:
    """Raises OSError when there is none, or it is not ours to read."""
    return msgspec.json.decode(path.read_bytes(), type=Credentials)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step; nobody else may ever have read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _cloud(endpoint: str, user: str, password: str, project: str) -> dict[str, Any]:
    return {
        "auth": {
            "auth_url": f"{endpoint}/identity/v3",
            "username": user,
            "password": password,
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        "region_name": "RegionOne",
        "identity_api_version": 3,
    }


def write_clouds(path: Path, endpoint: str, credentials: Credentials) -> None:
    """Put `unkai-admin` and `unkai-demo` into a clouds.yaml; other entries stay as they are.

    Raises ValueError when the file is there and is not a clouds.yaml: it is somebody's, not ours to replace.
    """
    content: Any = {}
    if path.exists():
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("clouds", {}), dict):
        raise ValueError(f"{path} is there and has no mapping `clouds`")
    clouds = content.setdefault("clouds", {})
    clouds["unkai-admin"] = _cloud(endpoint, "admin", credentials.admin_password, "admin")
    clouds["unkai-demo"] = _cloud(endpoint, "demo", credentials.demo_password, "demo")
    write_private(path, yaml.safe_dump(content, sort_keys=False).encode())


def write_openrc(path: Path, endpoint: str, credentials: Credentials) -> None:
    """A file to source in a shell, for `demo`; `OS_USERNAME=admin` needs clouds.yaml's other entry."""
    values = {
        "OS_AUTH_URL": f"{endpoint}/identity/v3",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": "demo",
        "OS_PASSWORD": credentials.demo_password,
        "OS_PROJECT_NAME": "demo",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": "RegionOne",
    }
    lines = [f"export {name}='{value}'" for name, value in values.items()]
    write_private(path, ("\n".join(lines) + "\n").encode())
