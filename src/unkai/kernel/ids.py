"""Identifiers in the forms that upstream's services use."""

import re
import uuid

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)


def new_uuid() -> str:
    """A random UUID with dashes (servers, images, ports, providers...)."""
    return str(uuid.uuid4())


def new_hex() -> str:
    """A random 32-digit id without dashes (Identity's projects, users, roles...)."""
    return uuid.uuid4().hex


def new_request_id() -> str:
    return f"req-{uuid.uuid4()}"


def is_uuid(text: object) -> bool:
    """Whether text is a UUID with or without dashes, in any letter case."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def valid_request_id(text: str) -> bool:
    """Whether a caller's X-OpenStack-Request-ID may be kept: nothing in it could forge a log line."""
    return text.startswith("req-") and is_uuid(text[4:])
