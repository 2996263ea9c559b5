"""Making and checking keys: SSH keys and X.509 certificates for Windows guests (SEC-002 to SEC-005)."""

import base64
import binascii
import hashlib
from datetime import timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from unkai.compute.errors import InvalidKeyPair
from unkai.kernel.clock import utcnow

_BITS = 2048
_MAX_KEY = 65535  # upstream's column
# Windows finds the account that a client certificate is for in this name (Microsoft's user principal name).
_PRINCIPAL = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")


class Made(msgspec.Struct, frozen=True):
    """A fresh key: texts as the API shows them."""

    private_key: str
    public_key: str
    fingerprint: str


def fingerprint(kind: str, public_key: str) -> str:
    """MD5 of an SSH key's blob, SHA-1 of a certificate, in pairs of digits. Raises InvalidKeyPair."""
    if len(public_key.encode()) > _MAX_KEY:
        raise InvalidKeyPair(reason="it is too long")
    return _of_ssh(public_key) if kind == "ssh" else _of_certificate(public_key)


def _pairs(digest: str) -> str:
    return ":".join(digest[position : position + 2] for position in range(0, len(digest), 2))


def _of_ssh(public_key: str) -> str:
    try:
        serialization.load_ssh_public_key(public_key.encode())
        blob = base64.b64decode(public_key.split(" ")[1])
    except (ValueError, IndexError, UnsupportedAlgorithm, binascii.Error) as error:
        raise InvalidKeyPair(reason="failed to generate fingerprint") from error
    # MD5 names the key as ssh-keygen once did and as upstream still does; nothing relies on its strength.
    return _pairs(hashlib.md5(blob, usedforsecurity=False).hexdigest())


def _of_certificate(pem: str) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidKeyPair(reason=f"failed to generate X509 fingerprint. Error message: {error}") from error
    return _pairs(certificate.fingerprint(hashes.SHA1()).hex())  # noqa: S303 - a name, as above


def make(kind: str, user_id: str) -> Made:
    """A new RSA key, or a certificate with its key, for a user. Takes a fraction of a second of CPU."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return _ssh_key(key) if kind == "ssh" else _certificate(key, user_id)


def _ssh_key(key: rsa.RSAPrivateKey) -> Made:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    text = f"{public.decode()} Generated-by-Unkai"
    return Made(private.decode(), text, _of_ssh(text))


def _certificate(key: rsa.RSAPrivateKey, user_id: str) -> Made:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:64] or "user")])
    principal = x509.OtherName(_PRINCIPAL, _utf8_string(f"{user_id}@localhost"))
    now = utcnow()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([principal]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Made(private.decode(), pem, _of_certificate(pem))


def _utf8_string(text: str) -> bytes:
    """A DER UTF8String; the principal is short, so its length takes one byte (or two from 128 on)."""
    content = text.encode()
    size = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return b"\x0c" + size + content
