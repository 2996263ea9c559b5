"""Microversions as the OpenStack API working group's guideline and upstream's services negotiate them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from unkai.kernel.errors import BadRequest, NotAcceptable


class InvalidVersion(BadRequest):
    code = "invalid_microversion"
    text = "API Version String '{version}' is of invalid format. It must be of format MajorNum.MinorNum."
    remedy = "Send OpenStack-API-Version: <service> <major>.<minor>, or `latest`."


class Version(NamedTuple):
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


_FORM = re.compile(r"([1-9]\d{0,3})\.(0|[1-9]\d{0,3})")


def parse(text: str) -> Version:
    """Raises InvalidVersion."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidVersion(version=text[:64])
    return Version(int(match[1]), int(match[2]))


class VersionRange(msgspec.Struct, frozen=True):
    """What a service announces. `legacy_header` is an older header with the bare number (Compute's)."""

    service: str
    minimum: Version
    maximum: Version
    legacy_header: str | None = None

    def negotiate(self, headers: Mapping[str, str]) -> Version:
        """The version a request asks for; the minimum when it asks for none.

        `headers` has lower-case names. Raises InvalidVersion (400) and NotAcceptable (406).
        """
        wanted = self._asked(headers)
        if wanted is None:
            return self.minimum
        if wanted == "latest":
            return self.maximum
        version = parse(wanted)
        if not self.minimum <= version <= self.maximum:
            raise NotAcceptable(version=version, minimum=self.minimum, maximum=self.maximum)
        return version

    def _asked(self, headers: Mapping[str, str]) -> str | None:
        for part in headers.get("openstack-api-version", "").split(","):
            service, _, number = part.strip().partition(" ")
            if service.lower() == self.service:
                return number.strip().lower()
        if self.legacy_header is not None:
            legacy = headers.get(self.legacy_header.lower())
            return None if legacy is None else legacy.strip().lower()
        return None

    def answer_headers(self, version: Version) -> dict[str, str]:
        found = {"OpenStack-API-Version": f"{self.service} {version}", "Vary": "OpenStack-API-Version"}
        if self.legacy_header is not None:
            found[self.legacy_header] = str(version)
            found["Vary"] += f", {self.legacy_header}"
        return found
