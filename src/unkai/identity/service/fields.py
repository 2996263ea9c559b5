"""Types and small rules that the fields of many identity resources share."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from unkai.identity.errors import Immutable, Invalid

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9-]+$")]
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]
# Projects and domains have a shorter column upstream, which clients know.
ShortName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S")]
Tag = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^,/]*$")]
Tags = Annotated[list[Tag], Meta(max_length=80)]
RegionId = Annotated[str, Meta(min_length=1, max_length=255)]

_YES = ("True", "TRUE", "true", "1", "y", "Y", "on", "ON", "yes")
_NO = ("False", "FALSE", "false", "0", "n", "N", "off", "OFF", "no", "")
# Upstream takes these spellings for `enabled` of domains, projects and users, and nowhere else.
Flag = bool | Literal[
    "True", "TRUE", "true", "1", "y", "Y", "on", "ON", "yes",
    "False", "FALSE", "false", "0", "n", "N", "off", "OFF", "no", "",
]  # fmt: skip


def truth(flag: bool | str) -> bool:
    return flag in _YES if isinstance(flag, str) else flag


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Options of domains, projects and roles. None takes an option away."""

    immutable: bool | UnsetType | None = UNSET


class UserOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Options of users, as upstream's: exceptions from the rules on passwords, and which methods must be combined."""

    ignore_change_password_upon_first_use: bool | UnsetType | None = UNSET
    ignore_password_expiry: bool | UnsetType | None = UNSET
    ignore_lockout_failure_attempts: bool | UnsetType | None = UNSET
    lock_password: bool | UnsetType | None = UNSET
    ignore_user_inactivity: bool | UnsetType | None = UNSET
    multi_factor_auth_enabled: bool | UnsetType | None = UNSET
    multi_factor_auth_rules: list[list[str]] | UnsetType | None = UNSET


def merged(old: Mapping[str, Any], new: Options | UserOptions | UnsetType) -> dict[str, Any]:
    """Options after a change: what is named replaces, None takes away, the rest stays."""
    result = dict(old)
    if not isinstance(new, UnsetType):
        for name, value in msgspec.to_builtins(new).items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = value
    return result


def given(**values: Any) -> dict[str, Any]:
    """Only the values that a request set."""
    return {name: value for name, value in values.items() if value is not UNSET}


def unique(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in order. Raises Invalid when one comes twice."""
    found = tuple(sorted(tags))
    if len(set(found)) != len(found):
        raise Invalid(reason="Invalid input for field 'tags': the tags must be different from each other.")
    return found


def refuse_change_of_immutable(
    kind: str, identity: str, options: Mapping[str, Any], changed: int, new: Options | UnsetType
) -> None:
    """An immutable thing may only be made mutable, alone in one request. `changed` counts the fields of the request.

    Raises Immutable.
    """
    if not options.get("immutable"):
        return
    releasing = not isinstance(new, UnsetType) and new.immutable in (False, None)
    if changed > 1 or not releasing:
        raise Immutable(verb="update", kind=kind, id=identity)


def refuse_deletion_of_immutable(kind: str, identity: str, options: Mapping[str, Any]) -> None:
    """Raises Immutable."""
    if options.get("immutable"):
        raise Immutable(verb="delete", kind=kind, id=identity)
