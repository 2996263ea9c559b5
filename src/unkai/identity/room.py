"""The identity room as cloud.py takes it."""

import asyncio

from unkai.identity import policy
from unkai.identity.api import (
    application_credentials,
    catalog,
    credentials,
    grants,
    limits,
    policies,
    projects,
    role_assignments,
    roles,
    tokens,
    users,
    versions,
)
from unkai.identity.errors import render_error
from unkai.identity.service import keyring
from unkai.identity.service import tokens as token_service
from unkai.identity.service.parts import Identity
from unkai.kernel import log
from unkai.kernel.kit import Kit
from unkai.kernel.web import Room

_log = log.get(__name__)
_HOUR = 3600.0

ROUTES = (
    *versions.ROUTES,
    *tokens.ROUTES,
    *projects.ROUTES,
    *users.ROUTES,
    *roles.ROUTES,
    *grants.ROUTES,
    *role_assignments.ROUTES,
    *catalog.ROUTES,
    *credentials.ROUTES,
    *application_credentials.ROUTES,
    *limits.ROUTES,
    *policies.ROUTES,
)


def build(kit: Kit) -> Room:
    """Put the room's parts into the kit and declare the room."""
    kit.put(Identity, Identity(kit.db, kit.settings))
    return Room(
        name="identity",
        prefix="/identity",
        routes=ROUTES,
        render_error=render_error,
        policies=policy.POLICIES,
        background=(tend,),
    )


async def tend(kit: Kit) -> None:
    """Once an hour: forget revocations that can match nothing, and rotate the signing key when it is due."""
    identity = kit.get(Identity)
    while True:
        try:
            forgotten = await kit.db.run(token_service.sweep, identity.now())
            rotated = await kit.db.run(keyring.rotate, kit)
            if forgotten or rotated:
                _log.info("identity tended", revocations_forgotten=forgotten, signing_key_rotated=rotated)
        except Exception:
            # The next hour tries again; requests do not depend on it.
            _log.exception("tending identity failed")
        await asyncio.sleep(_HOUR)
