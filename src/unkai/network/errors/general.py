"""Refusals that any resource may meet."""

from unkai.kernel.errors import BadRequest, Conflict


class HTTPBadRequest(BadRequest):
    code = "network.bad_request"
    text = "{reason}"


class InvalidInput(BadRequest):
    code = "network.invalid_input"
    text = "Invalid input for operation: {reason}."
    remedy = "Correct the value that the message names."


class OverQuota(Conflict):
    code = "network.over_quota"
    text = "Quota exceeded for resources: {overs}."
    remedy = "Delete what is not needed or ask an administrator to raise the quota."
