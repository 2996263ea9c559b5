"""HTTP for all rooms: routes as data, microversions, request ids, errors, bodies streamed both ways.

`routing` holds the types a room declares itself with, `request` what a handler
gets and gives, `microversion` the negotiation, `app` the ASGI application.
"""

from unkai.kernel.web.microversion import Version, VersionRange
from unkai.kernel.web.request import Request, Response, empty, reply
from unkai.kernel.web.routing import ErrorView, Room, Route

__all__ = ["ErrorView", "Request", "Response", "Room", "Route", "Version", "VersionRange", "empty", "reply"]
