"""The node channel's names and small replies: JSON over HTTP on a unix socket, later on mutual TLS.

    POST {PREFIX}/register                 HostReport   -> Registered
    POST {PREFIX}/heartbeat                Heartbeat    -> 204
    POST {PREFIX}/poll                     PollRequest  -> PollReply (long poll)
    POST {PREFIX}/steps/{step_id}/progress Progress     -> ProgressReply
    POST {PREFIX}/steps/{step_id}/result   StepResult   -> 204
    POST {PREFIX}/asks/{ask_id}            Answer       -> 204
    GET  {PREFIX}/wanted                                -> list[Wanted]
    GET  {PREFIX}/images/{image_id}                     -> the stored bytes (header CAPABILITY)

409: the step is not this host's at this generation any more, drop it. 403: not this host's business.
"""

import msgspec

PREFIX = "/node/v1"

# Who calls, believed only where the connection itself proves a right to say so (a unix socket's peer
# credentials); with mutual TLS the certificate's name counts and this header must agree with it.
HOST = "X-Unkai-Host"

# Opens one image's data, from the order that needs it.
CAPABILITY = "X-Unkai-Capability"


class Registered(msgspec.Struct, frozen=True):
    """How often the host shall report, and for how long it holds a step without renewing."""

    heartbeat_seconds: float
    lease_seconds: float


class ProgressReply(msgspec.Struct, frozen=True):
    """The lease is renewed; `cancel`: abort the step, undo what it did, report it."""

    cancel: bool = False
