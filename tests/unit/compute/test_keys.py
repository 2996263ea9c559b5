"""Keys that are made fit together, and broken ones are refused."""

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from unkai.compute import keys
from unkai.compute.errors import InvalidKeyPair

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcUEiS6s4M6nXHcKPJGzBAOMUDBjXXDmbPPDAgo5rHZ someone@example"


def test_ssh_keys() -> None:
    made = keys.make("ssh", "u")
    private = serialization.load_pem_private_key(made.private_key.encode(), None)
    public = serialization.load_ssh_public_key(made.public_key.encode())
    encoding = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert private.public_key().public_bytes(*encoding) == public.public_bytes(*encoding)
    blob = base64.b64decode(made.public_key.split()[1])
    assert made.fingerprint.replace(":", "") == hashlib.md5(blob, usedforsecurity=False).hexdigest()
    assert keys.fingerprint("ssh", made.public_key) == made.fingerprint


def test_certificates() -> None:
    """With the user's name where Windows looks for it, also a long one."""
    for user in ("alice", "u" * 200):
        made = keys.make("x509", user)
        found = x509.load_pem_x509_certificate(made.public_key.encode())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (principal,) = names.get_values_for_type(x509.OtherName)
        assert principal.value.endswith(f"{user}@localhost".encode())
        assert keys.fingerprint("x509", made.public_key) == made.fingerprint
        assert len(made.fingerprint.split(":")) == 20


@pytest.mark.parametrize("kind", ["ssh", "x509"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ssh-rsa",
        "ssh-rsa AAAA",
        "ssh-rsa !!!! c",
        ED25519[:40],
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "é" * 70000,
    ],
)
def test_refused(kind: str, text: str) -> None:
    with pytest.raises(InvalidKeyPair):
        keys.fingerprint(kind, text)


def test_other_kinds_of_ssh_keys() -> None:
    assert keys.fingerprint("ssh", ED25519).count(":") == 15
    ecdsa = (
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5Y"
        "RrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg= c"
    )
    assert keys.fingerprint("ssh", ecdsa).count(":") == 15
