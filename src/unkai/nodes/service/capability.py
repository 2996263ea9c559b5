"""Capabilities: a sealed note that opens one image to one host for a while. A host holds no token with roles."""

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from unkai.kernel.kit import Kit
from unkai.nodes.errors import NotYourBusiness
from unkai.nodes.settings import NodeChannel


class _Note(msgspec.Struct, frozen=True):
    image_id: str
    host: str


class Seal:
    """The key of this cloud's capabilities, in the kit."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def close(self, note: _Note) -> str:
        return self._fernet.encrypt(msgspec.json.encode(note)).decode()

    def open(self, text: str, seconds: int) -> _Note:
        """Raises InvalidToken."""
        return msgspec.json.decode(self._fernet.decrypt(text, ttl=seconds), type=_Note)


def image_capability(kit: Kit, image_id: str, host: str) -> str:
    """What lets `host` fetch the image on the node channel."""
    return kit.get(Seal).close(_Note(image_id, host))


def check_image_capability(kit: Kit, text: str, image_id: str, host: str) -> None:
    """Raises NotYourBusiness."""
    try:
        note = kit.get(Seal).open(text, kit.settings[NodeChannel].image_capability_seconds)
    except InvalidToken:
        note = None
    if note != _Note(image_id, host):
        raise NotYourBusiness(what=f"read image {image_id}")
