"""What a token carries: a compact, encrypted and signed note. Pure functions; keys come from the ring.

The format is Fernet (AES-128-CBC and HMAC-SHA256) over MessagePack, as short as
upstream's, so that it fits wherever theirs do. It says who, how, where and until
when; names, roles and the catalog are looked up when it is validated, which is
how a role that was taken away is gone from tokens that are out already.
"""

import base64
import uuid
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from unkai.identity.errors import TokenNotFound
from unkai.kernel.ids import is_uuid

Id = bytes
ScopeKind = Literal["", "project", "domain", "system"]

METHODS = ("password", "token", "application_credential")
_FORMAT = 1


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """Times are microseconds since 1970. Ids are packed, see `pack_id`. `methods` is a bit
    set over METHODS. `audits` is the token's own audit id and, in a chain, that of the chain's first token."""

    format: int
    user: Id
    methods: int
    kind: ScopeKind
    target: Id
    issued: int
    expires: int
    audits: tuple[bytes, ...]
    application_credential: Id = b""


_decoder = msgspec.msgpack.Decoder(Payload)


def pack_id(text: str) -> Id:
    """A mark and 16 bytes for 32 hexadecimal digits, a mark and the text for what operators chose ("default")."""
    if not text:
        return b""
    plain = len(text) == 32 and is_uuid(text) and text == text.lower()
    return b"\x01" + bytes.fromhex(text) if plain else b"\x00" + text.encode()


def unpack_id(packed: Id) -> str:
    return packed[1:].hex() if packed[:1] == b"\x01" else packed[1:].decode()


def pack_methods(names: Iterable[str]) -> int:
    return sum(1 << METHODS.index(name) for name in set(names))


def unpack_methods(bits: int) -> tuple[str, ...]:
    return tuple(name for position, name in enumerate(METHODS) if bits >> position & 1)


def new_audit_id() -> bytes:
    return uuid.uuid4().bytes


def audit_text(audit: bytes) -> str:
    """22 letters that name a token in logs without being one."""
    return base64.urlsafe_b64encode(audit).rstrip(b"=").decode()


def audit_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new(
    *,
    user_id: str,
    methods: Iterable[str],
    kind: ScopeKind,
    target_id: str,
    issued: int,
    expires: int,
    chain: bytes | None = None,
    application_credential_id: str = "",
) -> Payload:
    own = new_audit_id()
    return Payload(
        format=_FORMAT,
        user=pack_id(user_id),
        methods=pack_methods(methods),
        kind=kind,
        target=pack_id(target_id),
        issued=issued,
        expires=expires,
        audits=(own,) if chain is None else (own, chain),
        application_credential=pack_id(application_credential_id),
    )


def fernet(secrets: Sequence[str]) -> MultiFernet:
    """The ring as one key: the first signs, all validate."""
    return MultiFernet([Fernet(secret) for secret in secrets])


def new_secret() -> str:
    return Fernet.generate_key().decode()


def seal(payload: Payload, ring: MultiFernet) -> str:
    return ring.encrypt(msgspec.msgpack.encode(payload)).rstrip(b"=").decode()


def open_sealed(token: str, ring: MultiFernet) -> Payload:
    """Raises TokenNotFound for anything that this ring did not seal."""
    try:
        clear = ring.decrypt(token.encode("ascii") + b"=" * (-len(token) % 4))
        payload = _decoder.decode(clear)
    except (InvalidToken, UnicodeEncodeError, msgspec.DecodeError) as error:
        raise TokenNotFound from error
    if payload.format != _FORMAT:
        raise TokenNotFound
    return payload
