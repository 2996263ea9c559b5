"""What is sealed into a token comes out again, and nothing else opens."""

import hypothesis.strategies as st
import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings

from unkai.identity.errors import TokenNotFound
from unkai.identity.service import payload

RING = payload.fernet([payload.new_secret()])
ids = st.one_of(st.uuids().map(lambda value: value.hex), st.from_regex(r"[a-zA-Z0-9-]{1,64}", fullmatch=True))
methods = st.sets(st.sampled_from(payload.METHODS), min_size=1)


@settings(max_examples=50)
@given(
    user=ids,
    used=methods,
    kind=st.sampled_from(["", "project", "domain", "system"]),
    target=ids,
    issued=st.integers(0, 2**60),
    life=st.integers(0, 2**40),
    chain=st.one_of(st.none(), st.binary(min_size=16, max_size=16)),
    credential=st.one_of(st.just(""), ids),
)
def test_round_trip(
    user: str,
    used: set[str],
    kind: payload.ScopeKind,
    target: str,
    issued: int,
    life: int,
    chain: bytes | None,
    credential: str,
) -> None:
    content = payload.new(
        user_id=user,
        methods=used,
        kind=kind,
        target_id=target,
        issued=issued,
        expires=issued + life,
        chain=chain,
        application_credential_id=credential,
    )
    found = payload.open_sealed(payload.seal(content, RING), RING)
    assert found == content
    assert payload.unpack_id(found.user) == user
    assert payload.unpack_id(found.target) == target
    assert payload.unpack_id(found.application_credential) == credential
    assert set(payload.unpack_methods(found.methods)) == used
    assert len(found.audits) == (1 if chain is None else 2)


def test_a_token_is_as_short_as_upstream_s() -> None:
    """Longer ones do not fit where clients keep them (255 characters)."""
    content = payload.new(
        user_id="a" * 32, methods=payload.METHODS, kind="project", target_id="b" * 32, issued=2**51, expires=2**51,
        chain=b"c" * 16, application_credential_id="d" * 32,
    )  # fmt: skip
    token = payload.seal(content, RING)
    assert len(token) <= 255
    assert not token.endswith("=")


@given(audit=st.binary(min_size=16, max_size=16))
def test_audit_ids(audit: bytes) -> None:
    text = payload.audit_text(audit)
    assert len(text) == 22
    assert payload.audit_bytes(text) == audit


@given(position=st.integers(0, 200), letter=st.sampled_from("AZaz09-_"))
def test_one_changed_letter_is_enough(position: int, letter: str) -> None:
    token = payload.seal(
        payload.new(user_id="a" * 32, methods=["password"], kind="", target_id="", issued=1, expires=2), RING
    )
    position %= len(token) - 1  # the last letter carries bits that nobody reads
    forged = token[:position] + letter + token[position + 1 :]
    if forged != token:
        with pytest.raises(TokenNotFound):
            payload.open_sealed(forged, RING)


def test_what_another_format_or_ring_sealed_is_foreign() -> None:
    secret = payload.new_secret()
    own = payload.fernet([secret])
    content = payload.new(user_id="u", methods=["password"], kind="", target_id="", issued=1, expires=2)
    with pytest.raises(TokenNotFound):
        payload.open_sealed(payload.seal(content, own), RING)
    for clear in (b"", b"text", b"\x91\x01"):
        with pytest.raises(TokenNotFound):
            payload.open_sealed(Fernet(secret).encrypt(clear).decode(), own)


def test_an_older_key_still_opens() -> None:
    old, new = payload.new_secret(), payload.new_secret()
    content = payload.new(user_id="u", methods=["password"], kind="", target_id="", issued=1, expires=2)
    token = payload.seal(content, payload.fernet([old]))
    assert payload.open_sealed(token, payload.fernet([new, old])) == content
    with pytest.raises(TokenNotFound):
        payload.open_sealed(token, payload.fernet([new]))
