"""Times: always aware UTC inside, each service's own format at its edge."""

import time
from datetime import UTC, datetime

__all__ = ["UTC", "iso_micro", "iso_micro_z", "iso_seconds", "iso_z", "monotonic", "parse", "utcnow"]

monotonic = time.monotonic


def utcnow() -> datetime:
    return datetime.now(UTC)


def iso_z(when: datetime | None) -> str | None:
    """2026-01-02T03:04:05Z (Compute, Image, Network, Placement)."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_seconds(when: datetime | None) -> str | None:
    """2026-01-02T03:04:05 without a zone (fields of Compute kept from its oldest versions)."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def iso_micro(when: datetime | None) -> str | None:
    """2026-01-02T03:04:05.000000 without a zone (extension fields of Compute such as OS-SRV-USG)."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def iso_micro_z(when: datetime | None) -> str | None:
    """2026-01-02T03:04:05.000000Z (Identity)."""
    return None if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """An ISO 8601 time; without a zone it is taken as UTC. Raises ValueError."""
    when = datetime.fromisoformat(text.strip())
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
