"""The image room: Glance's Image v2 API below /image."""

import hashlib

from unkai.image.api import data, discovery, images, locations, members, tags
from unkai.image.api.faults import render_error
from unkai.image.blobs import FileStore, Stores
from unkai.image.policy import POLICIES
from unkai.image.reconcile import keep_leases, reconcile_forever
from unkai.image.service import Uploads
from unkai.image.settings import GlanceStore, ImageOptions, datadir, storage_quota
from unkai.kernel.kit import Kit
from unkai.kernel.settings import SettingsError
from unkai.kernel.web import Room

ROUTES = (
    *discovery.ROUTES,
    *images.ROUTES,
    *data.ROUTES,
    *members.ROUTES,
    *tags.ROUTES,
    *locations.ROUTES,
)


def build(kit: Kit) -> Room:
    """Raises SettingsError for options that could only fail later, with somebody's data in hand."""
    _check(kit)
    name = kit.settings[GlanceStore].default_backend
    kit.put(Stores, Stores([FileStore(name, datadir(kit.settings))], name))
    kit.put(Uploads, Uploads())
    return Room(
        name="image",
        prefix="/image",
        routes=ROUTES,
        render_error=render_error,
        policies=POLICIES,
        background=(keep_leases, reconcile_forever),
        strict_slash=True,
    )


def _check(kit: Kit) -> None:
    try:
        storage_quota(kit.settings)
        hashlib.new(kit.settings[ImageOptions].hashing_algorithm)
    except ValueError as error:
        raise SettingsError(str(error)) from error
