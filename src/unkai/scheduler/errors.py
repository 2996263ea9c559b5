"""Refusals of the scheduler. That no host fits is an answer, not an error."""

from unkai.kernel.errors import BadRequest, NotFound


class ExplanationNotFound(NotFound):
    code = "scheduler.explanation_not_found"
    text = "There is no explanation {explanation_id}."
    remedy = "List them with GET /unkai/v1/explanations?server_id=...; old ones are removed after some days."


class InvalidHint(BadRequest):
    code = "scheduler.invalid_hint"
    text = "Invalid scheduler hint {hint}: {reason}"
    remedy = "Correct the hint."
