"""Failures and latencies that simulated hosts are told to have, from a file that may change while they run.

The file is a JSON list of rules:

    [{"host": "sim-00*", "verb": "create", "server": "*", "delay": 1.5, "times": 2,
      "fail": {"code": "disk_full", "message": "no space left", "elsewhere": true}}]

`host`, `verb` (a method of the driver contract) and `server` are shell patterns; a rule without `fail` only delays
(seconds); `times` is how often it applies before it is used up (absent: always). The first rule that fits counts.
"""

import asyncio
import fnmatch
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from unkai.contracts.steps import StepError
from unkai.kernel.log import get
from unkai.node.errors import StepFailed

__all__ = ["Failure", "Faults", "Rule", "Told"]

_log = get(__name__)


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    message: str = "The simulated host was told to fail."
    elsewhere: bool = True


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "*"
    verb: str = "*"
    server: str = "*"
    delay: float = 0.0
    fail: Failure | None = None
    times: int | None = None


class Told(StepFailed):
    """The failure of a rule."""

    code = "injected"
    text = "{reason}"

    def __init__(self, failure: Failure) -> None:
        super().__init__(reason=failure.message)
        self.failure = failure

    def report(self) -> StepError:
        return StepError(code=self.failure.code, message=self.failure.message, elsewhere=self.failure.elsewhere)


class Faults:
    """The rules in force: those of the file, read again when it changed, or those given by `replace`."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._rules: list[Rule] = []
        self._used: dict[int, int] = {}

    def replace(self, rules: list[Rule]) -> None:
        self._rules, self._used = list(rules), {}

    def find(self, host: str, verb: str, server: str) -> Rule | None:
        """The rule for this call, counted as used."""
        self._reread()
        for index, rule in enumerate(self._rules):
            patterns = (host, rule.host), (verb, rule.verb), (server, rule.server)
            if not all(fnmatch.fnmatchcase(text, pattern) for text, pattern in patterns):
                continue
            if rule.times is not None and self._used.get(index, 0) >= rule.times:
                continue
            self._used[index] = self._used.get(index, 0) + 1
            return rule
        return None

    async def meet(
        self, host: str, verb: str, server: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Be as late as told, by `sleep`. Raises Told."""
        rule = self.find(host, verb, server)
        if rule is not None:
            await sleep(rule.delay)
            if rule.fail is not None:
                raise Told(rule.fail)

    def _reread(self) -> None:
        if self._path is None:
            return
        try:
            found = self._path.stat()
        except FileNotFoundError:
            if self._seen is not None:
                self._seen = None
                self.replace([])
            return
        mark = (found.st_mtime_ns, found.st_ino)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self.replace(msgspec.json.decode(self._path.read_bytes(), type=list[Rule]))
        except msgspec.MsgspecError as error:
            _log.error("faults cannot be read, the ones before stay", path=str(self._path), error=str(error))
