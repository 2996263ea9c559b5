"""A thin client for measuring: keep-alive connection, token, catalog, and nothing that hides what a request costs."""

import time
from collections.abc import Mapping
from typing import Any

import httpx2

COMPUTE_VERSION = "2.96"
# Where a catalog may name the service without its version.
VERSIONS = {"network": "/v2.0", "image": "/v2", "identity": "/v3"}


class Api:
    """RuntimeError with the body when an answer is not what was wanted."""

    def __init__(self, auth_url: str, user: str, password: str, project: str) -> None:
        self._client = httpx2.Client(timeout=120.0)
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": password}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        answer = self._client.post(f"{auth_url}/auth/tokens", json=body)
        if answer.status_code != 201:
            raise RuntimeError(f"no token: {answer.status_code} {answer.text}")
        self._client.headers.update(
            {"X-Auth-Token": answer.headers["X-Subject-Token"], "OpenStack-API-Version": f"compute {COMPUTE_VERSION}"}
        )
        self._urls = {
            service["type"]: next(e["url"] for e in service["endpoints"] if e["interface"] == "public").rstrip("/")
            for service in answer.json()["token"]["catalog"]
        }
        self.project: str = answer.json()["token"]["project"]["id"]

    def url(self, service: str, path: str) -> str:
        base, version = self._urls[service], VERSIONS.get(service, "")
        return base + ("" if base.endswith(version) else version) + path

    def ask(self, method: str, service: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._client.request(method, self.url(service, path), json=body)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def get(self, service: str, path: str) -> Any:
        return self.ask("GET", service, path)

    def metric(self, endpoint: str, name: str) -> float:
        """The sum of a counter over its labels, from /metrics."""
        text = self._client.get(f"{endpoint}/metrics").text
        values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(map(float, values))

    def validate_token(self) -> None:
        headers = {"X-Subject-Token": str(self._client.headers["X-Auth-Token"])}
        answer = self._client.get(self.url("identity", "/auth/tokens"), headers=headers)
        if answer.status_code != 200:
            raise RuntimeError(f"the token is not valid: {answer.status_code} {answer.text}")

    def token_from_token(self) -> None:
        identity = {"methods": ["token"], "token": {"id": self._client.headers["X-Auth-Token"]}}
        self.ask(
            "POST",
            "identity",
            "/auth/tokens",
            {"auth": {"identity": identity, "scope": {"project": {"id": self.project}}}},
        )

    def make_providers(self, count: int) -> None:
        """Resource providers with room for some servers each; nothing runs on them."""
        inventory = {"VCPU": {"total": 16}, "MEMORY_MB": {"total": 65536}, "DISK_GB": {"total": 1000}}
        self._client.headers["OpenStack-API-Version"] = "placement 1.39"
        for number in range(count):
            made = self.ask("POST", "placement", "/resource_providers", {"name": f"provider-{number}"})
            body = {"resource_provider_generation": made["generation"], "inventories": inventory}
            self.ask("PUT", "placement", f"/resource_providers/{made['uuid']}/inventories", body)

    def lift_quota(self) -> None:
        """Let the own project have as many servers as it likes."""
        quota = {"instances": -1, "cores": -1, "ram": -1}
        self.ask("PUT", "compute", f"/os-quota-sets/{self.project}", {"quota_set": quota})

    def create_servers(self, count: int, *, image: str | None = None, network: str = "none", name: str = "b") -> None:
        """Ask for servers and wait until all of this name are ACTIVE. RuntimeError when one fails."""
        flavor = next(f["id"] for f in self.get("compute", "/flavors")["flavors"] if f["name"] == "m1.tiny")
        image = image or self.get("image", "/images")["images"][0]["id"]
        server = {"name": name, "flavorRef": flavor, "imageRef": image, "networks": network}
        self.ask("POST", "compute", "/servers", {"server": server | {"min_count": count, "max_count": count}})
        self.wait_for_all(name)

    def wait_for_all(self, name: str, seconds: float = 600.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            servers = self.get("compute", f"/servers/detail?name={name}&limit=1000")["servers"]
            states = {server["status"] for server in servers}
            if "ERROR" in states:
                fault = next(server["fault"] for server in servers if server["status"] == "ERROR")
                raise RuntimeError(f"a server failed: {fault}")
            if servers and states == {"ACTIVE"}:
                return
            time.sleep(0.2)
        raise RuntimeError(f"servers are not ACTIVE after {seconds:.0f} s")
