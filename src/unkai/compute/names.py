"""Names and ids that a server is given: host name, reservation, EC2's ids, passwords."""

import re
import secrets
from string import ascii_letters, digits

_LOWER = digits + ascii_letters[:26]
# Without characters that are easily taken for another.
_CLEAR = "".join(character for character in digits + ascii_letters if character not in "0O1lI")


def host_name(name: str, server_id: str) -> str:
    """A server's name made fit for a host (RFC 952 and 1123, at most 63 characters), or one from its id."""
    latin = name.encode("latin-1", "ignore").decode("latin-1")[:63]
    clean = re.sub(r"[^\w-]+", "", re.sub(r"[ _.]", "-", latin)).lower().strip(".-")
    return clean or f"Server-{server_id}"[:63]


def reservation_id() -> str:
    return "r-" + "".join(secrets.choice(_LOWER) for _ in range(8))


def password(length: int) -> str:
    """At least one digit, one lower and one upper letter, as upstream's generator promises."""
    groups = [
        [c for c in _CLEAR if c.isdigit()],
        [c for c in _CLEAR if c.isupper()],
        [c for c in _CLEAR if c.islower()],
    ]
    characters = [secrets.choice(group) for group in groups][: max(length, 0)]
    characters += [secrets.choice(_CLEAR) for _ in range(length - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def ec2_image(prefix: str, number: int) -> str:
    """EC2's id of an image: ami-00000001, aki- for kernels, ari- for ram disks."""
    return f"{prefix}-{number:08x}"
