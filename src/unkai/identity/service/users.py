"""Users: creating, changing, deleting them, and their passwords."""

import re
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from unkai.identity.errors import AuthenticationFailed, Duplicate, Invalid, PasswordRefused
from unkai.identity.model import Listing, User
from unkai.identity.service import cleanup, lookup, tokens
from unkai.identity.service.authentication import check_password
from unkai.identity.service.fields import Flag, Id, Name, UserOptions, given, merged, truth
from unkai.identity.service.lookup import EVERYWHERE
from unkai.identity.service.parts import Identity
from unkai.identity.settings import IdentityOptions, SecurityOptions
from unkai.identity.store import projects, validation
from unkai.identity.store import tokens as token_store
from unkai.identity.store import users as store
from unkai.identity.store.writing import Taken
from unkai.kernel.ids import new_hex
from unkai.kernel.kit import Kit
from unkai.kernel.scope import Scope
from unkai.kernel.settings import Settings
from unkai.kernel.store import Tx


class UserFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may set on a user. `password` None takes the password away."""

    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    default_project_id: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    enabled: Flag | UnsetType = UNSET
    password: str | UnsetType | None = UNSET
    options: UserOptions | UnsetType = UNSET
    id: str | UnsetType = UNSET


def listed(tx: Tx, scope: Scope, listing: Listing, *, group_id: str | None = None) -> tuple[list[User], bool]:
    """A page of users. Raises GroupNotFound."""
    if group_id is not None:
        lookup.group(tx, group_id)
    return store.listed(tx, scope, listing, group_id=group_id)


def check_new_password(settings: Settings, password: str) -> None:
    """Length and the operator's expression. Raises PasswordRefused."""
    longest = settings[IdentityOptions].max_password_length
    if len(password) > longest:
        raise PasswordRefused(reason=f"the password must not be longer than {longest} characters")
    options = settings[SecurityOptions]
    if options.password_regex and re.match(options.password_regex, password) is None:
        words = options.password_regex_description or "it does not match the expression of this cloud"
        raise PasswordRefused(reason=f"The password does not match the requirements: {words}")


def create(
    tx: Tx, kit: Kit, wanted: UserFields, extra: dict[str, Any], default_domain_id: str, hashed: str | None
) -> User:
    """Create a user; `hashed` is the password's hash. Raises DomainNotFound, Invalid, Duplicate."""
    if isinstance(wanted.name, UnsetType):
        raise Invalid(reason="Invalid input for field 'name': 'name' is a required property.")
    domain = lookup.domain(tx, wanted.domain_id or default_domain_id)
    default_project_id = wanted.default_project_id or None
    _check_default_project(tx, default_project_id)
    user = User(
        id=new_hex(),
        name=wanted.name.strip(),
        domain_id=domain.id,
        enabled=True if isinstance(wanted.enabled, UnsetType) else truth(wanted.enabled),
        default_project_id=default_project_id,
        options=merged({}, wanted.options),
        extra=extra | given(description=wanted.description),
        created_at=kit.get(Identity).now(),
    )
    try:
        store.insert(tx, user)
    except Taken as error:
        raise _name_taken(user.name) from error
    if hashed is not None:
        set_password(tx, kit, user, hashed, self_service=False)
    return lookup.user(tx, user.id)


def _name_taken(name: str) -> Duplicate:
    return Duplicate(kind="user", reason=f"Duplicate entry found with name {name}")


def _check_default_project(tx: Tx, project_id: str | None) -> None:
    """A project that does not exist is upstream's business of nobody; a domain is refused."""
    project = projects.get(tx, EVERYWHERE, project_id) if project_id else None
    if project is not None and project.is_domain:
        raise Invalid(reason=f"User's default project ID cannot be a domain ID: {project_id}")


def update(tx: Tx, kit: Kit, user_id: str, wanted: UserFields, extra: dict[str, Any], hashed: str | None) -> User:
    """Change a user. A new password or disabling ends every token. Raises UserNotFound, Invalid, Duplicate."""
    old = lookup.user(tx, user_id)
    if not isinstance(wanted.domain_id, UnsetType) and wanted.domain_id != old.domain_id:
        raise Invalid(reason="Cannot change Domain ID")
    values = given(name=wanted.name, default_project_id=wanted.default_project_id)
    if "name" in values:
        values["name"] = values["name"].strip()
    if "default_project_id" in values:
        _check_default_project(tx, values["default_project_id"])
    if not isinstance(wanted.enabled, UnsetType):
        values["enabled"] = truth(wanted.enabled)
    if not isinstance(wanted.options, UnsetType):
        values["options"] = merged(old.options, wanted.options)
    if extra or not isinstance(wanted.description, UnsetType):
        values["extra"] = old.extra | extra | given(description=wanted.description)
    try:
        store.update(tx, EVERYWHERE, user_id, **values)
    except Taken as error:
        raise _name_taken(str(values.get("name", old.name))) from error
    if old.enabled and values.get("enabled") is False:
        cleanup.of_disabled_user(tx, kit, user_id)
    if wanted.password is None:
        store.clear_passwords(tx, EVERYWHERE, user_id)
        tokens.revoke(tx, kit, "user", user_id)
    elif hashed is not None:
        set_password(tx, kit, lookup.user(tx, user_id), hashed, self_service=False)
        tokens.revoke(tx, kit, "user", user_id)
    token_store.bump(tx)
    return lookup.user(tx, user_id)


def set_password(tx: Tx, kit: Kit, user: User, hashed: str, *, self_service: bool) -> None:
    """Put a password in force, with the end that the operator's rules give it."""
    options = kit.settings[SecurityOptions]
    now = kit.get(Identity).now()
    expires = None
    if options.password_expires_days is not None and not user.options.get("ignore_password_expiry"):
        expires = now + timedelta(days=options.password_expires_days)
    must_change = options.change_password_upon_first_use and not self_service
    if must_change and not user.options.get("ignore_change_password_upon_first_use"):
        expires = now
    store.set_password(
        tx,
        EVERYWHERE,
        user.id,
        hashed,
        now=now,
        expires_at=expires,
        self_service=self_service,
        keep=max(0, options.unique_last_password_count - 1),
    )
    store.update(tx, EVERYWHERE, user.id, failed_auth_count=0, failed_auth_at=None)


async def change_password(kit: Kit, user_id: str, original: str, new: str) -> None:
    """A user changes the own password; knowing the old one is what authorises it. Every token of the user ends.

    Raises AuthenticationFailed, PasswordRefused.
    """
    options = kit.settings[SecurityOptions]
    identity = kit.get(Identity)
    login = await kit.db.read(validation.login, user_id)
    await check_password(kit, login, original, expired_is_fine=True)
    if login is None:
        raise AuthenticationFailed("no such user")
    check_new_password(kit.settings, new)
    if login.user.options.get("lock_password"):
        raise PasswordRefused(
            reason="You cannot change your password at this time due to password policy disallowing password changes"
        )
    if options.minimum_password_age and login.password_self_service and login.password_created_at is not None:
        left = login.password_created_at + timedelta(days=options.minimum_password_age) - identity.now()
        if left > timedelta():
            raise PasswordRefused(
                reason=f"the password must be used for {options.minimum_password_age} day(s) before it can be "
                f"changed; try again in {left.days + 1} day(s)"
            )
    count = options.unique_last_password_count
    if count:
        hashes = await kit.db.read(store.password_hashes, EVERYWHERE, user_id, count)
        if await identity.hasher.matches_any(hashes, new):
            raise PasswordRefused(
                reason="The new password cannot be identical to a previous password. The total number which includes "
                f"the new password must be unique is {count}"
            )
    hashed = await identity.hasher.hash(new)
    await kit.db.run(_replace_password, kit, user_id, login.password_hash, hashed)


def _replace_password(tx: Tx, kit: Kit, user_id: str, old_hash: str | None, hashed: str) -> None:
    """Only over the password that was checked: of two changes at once, one is refused."""
    login = validation.login(tx, user_id)
    if login is None or login.password_hash != old_hash:
        raise AuthenticationFailed(f"the password of user {user_id} changed meanwhile")
    set_password(tx, kit, login.user, hashed, self_service=True)
    tokens.revoke(tx, kit, "user", user_id)


def delete(tx: Tx, kit: Kit, user_id: str) -> None:
    """Delete a user with roles, credentials and tokens. Raises UserNotFound."""
    lookup.user(tx, user_id)
    cleanup.of_users(tx, [user_id])
    store.delete(tx, EVERYWHERE, [user_id])
    tokens.revoke(tx, kit, "user", user_id)


def revoke_tokens(tx: Tx, kit: Kit, user_id: str) -> None:
    """End every token of a user. Raises UserNotFound."""
    lookup.user(tx, user_id)
    tokens.revoke(tx, kit, "user", user_id)
