"""Credentials that users keep in the cloud, encrypted in the table: EC2 keys, TOTP seeds, certificates."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import CredentialNotFound, Duplicate, Invalid, LimitReached
from unkai.identity.model import Credential, Filter, Listing
from unkai.identity.service import keyring, lookup
from unkai.identity.service.auth_request import missing
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.settings import CredentialOptions
from unkai.identity.store import credentials as store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx

EC2 = "ec2"
# What binds an EC2 key to the token it was made with; it can never be changed.
_BOUND = ("trust_id", "app_cred_id", "access_token_id", "access_id")


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    blob: str
    type: str
    user_id: str
    project_id: str | None = None
    id: str | UnsetType = UNSET


class CredentialChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only what it holds can change: not whose it is, nor what for."""

    blob: str


def _open(tx: Tx, identity: Identity, row: Mapping[Any, Any]) -> Credential:
    ring = keyring.ring(tx, identity, "credential")
    return Credential(
        id=row["id"],
        user_id=row["user_id"],
        project_id=row["project_id"],
        type=row["type"],
        blob=ring.decrypt(row["encrypted_blob"].encode()).decode(),
        extra=row["extra"],
    )


def get(tx: Tx, kit: Kit, credential_id: str) -> Credential:
    """Raises CredentialNotFound."""
    row = store.get(tx, EVERYWHERE, credential_id)
    if row is None:
        raise CredentialNotFound(id=credential_id)
    return _open(tx, kit.get(Identity), row)


def listed(tx: Tx, kit: Kit, listing: Listing, *, user_id: str | None = None) -> tuple[list[Credential], bool]:
    """A page of credentials, of one user's when `user_id` is given. Two statements."""
    rows, more = store.listed(tx, EVERYWHERE, listing, user_id=user_id)
    if not rows:
        return [], more
    identity = kit.get(Identity)
    ring = keyring.ring(tx, identity, "credential")
    return [
        Credential(
            id=row["id"],
            user_id=row["user_id"],
            project_id=row["project_id"],
            type=row["type"],
            blob=ring.decrypt(row["encrypted_blob"].encode()).decode(),
            extra=row["extra"],
        )
        for row in rows
    ], more


def create(tx: Tx, kit: Kit, wanted: NewCredential, extra: dict[str, Any]) -> Credential:
    """Raises Invalid, UserNotFound, LimitReached, Duplicate."""
    lookup.user(tx, wanted.user_id)
    credential_id = new_hex()
    if wanted.type.lower() == EC2:
        if wanted.project_id is None:
            raise Invalid(reason="Invalid input for field 'project_id': ec2 credentials need a project.")
        credential_id = ec2_id(_ec2_blob(wanted.blob)["access"])
    new = Credential(
        id=credential_id,
        user_id=wanted.user_id,
        project_id=wanted.project_id,
        type=wanted.type,
        blob=wanted.blob,
        extra=extra,
    )
    return _insert(tx, kit, new)


def _insert(tx: Tx, kit: Kit, new: Credential) -> Credential:
    limit = kit.settings[CredentialOptions].user_limit
    if limit >= 0 and store.count(tx, EVERYWHERE, new.user_id) >= limit:
        raise LimitReached(kind="credentials", limit=limit)
    identity = kit.get(Identity)
    keyring.ensure(tx, identity)
    values = {
        "id": new.id,
        "user_id": new.user_id,
        "project_id": new.project_id,
        "type": new.type,
        "encrypted_blob": keyring.ring(tx, identity, "credential").encrypt(new.blob.encode()).decode(),
        "extra": new.extra,
    }
    try:
        store.insert(tx, values)
    except Taken as error:
        raise Duplicate(kind="credential", reason="Duplicate entry") from error
    return new


def update(tx: Tx, kit: Kit, credential_id: str, wanted: CredentialChange) -> Credential:
    """Raises CredentialNotFound, Invalid."""
    old = get(tx, kit, credential_id)
    if old.type.lower() == EC2:
        before, after = _ec2_blob(old.blob), _ec2_blob(wanted.blob)
        changed = next((key for key in _BOUND if before.get(key) != after.get(key)), None)
        if changed is not None:
            raise Invalid(reason=f"{changed} can not be updated for credential")
    sealed = keyring.ring(tx, kit.get(Identity), "credential").encrypt(wanted.blob.encode()).decode()
    store.update(tx, EVERYWHERE, credential_id, encrypted_blob=sealed)
    return msgspec.structs.replace(old, blob=wanted.blob)


def delete(tx: Tx, credential_id: str) -> None:
    """Raises CredentialNotFound."""
    if store.get(tx, EVERYWHERE, credential_id) is None:
        raise CredentialNotFound(id=credential_id)
    store.delete(tx, EVERYWHERE, credential_id)


def _ec2_blob(text: str) -> dict[str, Any]:
    """Raises Invalid."""
    try:
        blob = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(reason="Invalid blob in credential") from error
    if not isinstance(blob, dict) or not blob:
        raise missing("blob", "credential")
    if not isinstance(blob.get("access"), str):
        raise missing("access", "credential")
    return blob


def ec2_id(access: str) -> str:
    """EC2 credentials are found by their access key, without storing it in the clear."""
    return hashlib.sha256(access.encode()).hexdigest()


def create_ec2(tx: Tx, kit: Kit, user_id: str, project_id: str) -> Credential:
    """A new access key and secret for a user on a project. Raises UserNotFound, ProjectNotFound, LimitReached."""
    lookup.user(tx, user_id)
    lookup.project(tx, project_id)
    blob = {"access": new_hex(), "secret": new_hex(), "trust_id": None}
    new = Credential(
        id=ec2_id(blob["access"] or ""),
        user_id=user_id,
        project_id=project_id,
        type=EC2,
        blob=json.dumps(blob),
        extra={},
    )
    return _insert(tx, kit, new)


def list_ec2(tx: Tx, kit: Kit, user_id: str) -> list[Credential]:
    """Raises UserNotFound."""
    lookup.user(tx, user_id)
    found, _ = listed(tx, kit, Listing((Filter("type", EC2),)), user_id=user_id)
    return found


def get_ec2(tx: Tx, kit: Kit, access: str) -> Credential:
    """Raises CredentialNotFound."""
    found = get(tx, kit, ec2_id(access))
    if found.type.lower() != EC2:
        raise CredentialNotFound(id=access)
    return found


def render_ec2(credential: Credential) -> dict[str, Any]:
    """Upstream's old form: tenant, access and secret."""
    blob = json.loads(credential.blob)
    return {
        "user_id": credential.user_id,
        "tenant_id": credential.project_id,
        "access": blob.get("access"),
        "secret": blob.get("secret"),
        "trust_id": blob.get("trust_id"),
    }
