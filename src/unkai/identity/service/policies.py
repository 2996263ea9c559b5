"""Policy blobs (/v3/policies): documents that the cloud keeps for others and does not read."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import PolicyNotFound
from unkai.identity.model import Listing, PolicyBlob
from unkai.identity.service.fields import Name, given
from unkai.identity.store import policies as store
from unkai.kernel.ids import new_hex
from unkai.kernel.store import Tx


class NewPolicy(msgspec.Struct, frozen=True, kw_only=True):
    blob: str
    type: Name
    id: str | UnsetType = UNSET


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    blob: str | UnsetType = UNSET
    type: Name | UnsetType = UNSET
    id: str | UnsetType = UNSET


def listed(tx: Tx, listing: Listing) -> tuple[list[PolicyBlob], bool]:
    return store.listed(tx, listing)


def get(tx: Tx, policy_id: str) -> PolicyBlob:
    """Raises PolicyNotFound."""
    found = store.get(tx, policy_id)
    if found is None:
        raise PolicyNotFound(id=policy_id)
    return found


def create(tx: Tx, wanted: NewPolicy, extra: dict[str, Any]) -> PolicyBlob:
    new = PolicyBlob(id=new_hex(), type=wanted.type, blob=wanted.blob, extra=extra)
    store.insert(tx, new)
    return new


def update(tx: Tx, policy_id: str, wanted: PolicyChange, extra: dict[str, Any]) -> PolicyBlob:
    """Raises PolicyNotFound."""
    old = get(tx, policy_id)
    values = given(blob=wanted.blob, type=wanted.type)
    if extra:
        values["extra"] = old.extra | extra
    store.update(tx, policy_id, **values)
    return get(tx, policy_id)


def delete(tx: Tx, policy_id: str) -> None:
    """Raises PolicyNotFound."""
    get(tx, policy_id)
    store.delete(tx, policy_id)
