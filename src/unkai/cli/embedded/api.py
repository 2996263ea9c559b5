"""The command as a client of its own cloud's public APIs: it has no way in that users have not."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from unkai.cli.embedded import credentials
from unkai.cli.embedded.place import Place


class ApiError(Exception):
    """The cloud refused; the message has method, path, status and body."""


class Api:
    """A session as `admin`. Raises ApiError, httpx2.HTTPError."""

    def __init__(self, endpoint: str, password: str) -> None:
        self._client = httpx2.Client(base_url=endpoint, timeout=60.0, trust_env=False)
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "admin", "domain": {"id": "default"}, "password": password}},
                },
                "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
            }
        }
        answer = self._client.post("/identity/v3/auth/tokens", json=body)
        if answer.status_code != 201:
            raise ApiError(f"no token for admin: {answer.status_code}")
        self._client.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    @classmethod
    def of(cls, place: Place) -> Self:
        """Raises OSError when the cloud's passwords cannot be read (another user's cloud, or none)."""
        found = credentials.read(place.directory / "credentials.json")
        return cls(place.endpoint, found.admin_password)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def call(self, method: str, path: str, **kw: Any) -> Any:
        """The decoded answer (None without a body)."""
        answer = self._client.request(method, path, **kw)
        if answer.status_code >= 400:
            raise ApiError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def overview(self) -> dict[str, Any]:
        """Hosts, and how much is going on."""
        services = self.call("GET", "/compute/v2.1/os-services?binary=nova-compute")["services"]
        servers = self.call("GET", "/compute/v2.1/servers?all_tenants=1")["servers"]
        work = self.call("GET", "/unkai/v1/work")
        return {
            "hosts": [{"host": row["host"], "up": row["state"] == "up", "status": row["status"]} for row in services],
            "servers": len(servers),
            "flows": work["flows"],
            "pending": work["pending"],
        }

    def ensure_image(self, name: str, path: Path, disk_format: str, **properties: str) -> bool:
        """Register a file as a public image of that name unless it is there. Returns whether it was made."""
        found = self.call("GET", f"/image/v2/images?name={name}&visibility=public&status=active")["images"]
        if found:
            return False
        image = self.call(
            "POST",
            "/image/v2/images",
            json={
                "name": name,
                "disk_format": disk_format,
                "container_format": "bare",
                "visibility": "public",
                **properties,
            },
        )
        try:
            with path.open("rb") as file:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
                self.call("PUT", f"/image/v2/images/{image['id']}/file", content=file, headers=headers)
        except BaseException:
            self.call("DELETE", f"/image/v2/images/{image['id']}")
            raise
        return True
