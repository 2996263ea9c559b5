"""Query strings: which parameters a route has at a version, and what upstream says about others."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from unkai.kernel.ids import is_uuid
from unkai.kernel.web import Request
from unkai.placement.errors import InvalidQuery


class Param(msgspec.Struct, frozen=True):
    """One parameter's form. `name_pattern` in a `Form` gives parameters whose names follow a pattern."""

    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    uuid: bool = False

    def fits(self, value: str) -> bool:
        return (
            (self.pattern is None or re.search(self.pattern, value) is not None)
            and (self.minimum is None or len(value) >= self.minimum)
            and (self.maximum is None or len(value) <= self.maximum)
            and (not self.uuid or is_uuid(value))
        )

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string"}
        if self.pattern is not None:
            found["pattern"] = self.pattern
        if self.minimum is not None:
            found["minLength"] = self.minimum
        if self.maximum is not None:
            found["maxLength"] = self.maximum
        if self.uuid:
            found["format"] = "uuid"
        return found


class Form(msgspec.Struct, frozen=True):
    """All parameters of a route at a version."""

    params: Mapping[str, Param]
    required: tuple[str, ...] = ()
    name_patterns: Mapping[str, Param] = {}

    def check(self, req: Request) -> dict[str, str]:
        """The parameters, the first of a name that is repeated. Raises InvalidQuery."""
        found: dict[str, str] = {}
        for name, value in req.query.pairs:
            found.setdefault(name, value)
        if any(name not in found for name in self.required) or not all(
            self._fits(name, value) for name, value in found.items()
        ):
            raise InvalidQuery(reason=self._why(found))
        return found

    def _fits(self, name: str, value: str) -> bool:
        param = self.params.get(name)
        if param is None:
            param = next((one for pattern, one in self.name_patterns.items() if re.search(pattern, name)), None)
        return param is not None and param.fits(value)

    def _why(self, found: Mapping[str, str]) -> str:
        import jsonschema

        checker = jsonschema.FormatChecker(formats=())
        checker.checks("uuid")(is_uuid)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: param.schema() for name, param in self.params.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }
        if self.name_patterns:
            schema["patternProperties"] = {pattern: param.schema() for pattern, param in self.name_patterns.items()}
        validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
        return str(jsonschema.exceptions.best_match(validator.iter_errors(found)))


def integer(text: str, limit: int = 2**31 - 1) -> int:
    """A number whose form was checked. Raises InvalidQuery when it is out of reach."""
    value = int(text) if len(text) <= 18 else limit + 1
    if value > limit:
        raise InvalidQuery(reason=f"{text[:32]} is too large")
    return value
