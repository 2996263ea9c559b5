"""What every handler and flow of a process shares, passed along and never global."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from unkai.kernel.context import Context
from unkai.kernel.policy import Policy
from unkai.kernel.quota import Quota
from unkai.kernel.settings import Settings
from unkai.kernel.store import Database
from unkai.kernel.wake import Wake

T = TypeVar("T")
Authenticate = Callable[[str], Awaitable[Context]]


class Kit:
    """Built once by `cloud`. `authenticate` turns a token into a context (raises Unauthorized).

    Things that live as long as the process and belong to one room (placement's index, the OVN writer, the image
    store) are put in under their type and found by it: `kit.put(Index, index)`, `kit.get(Index)`.
    """

    def __init__(self, *, db: Database, wake: Wake, settings: Settings, policy: Policy, quota: Quota) -> None:
        self.db = db
        self.wake = wake
        self.settings = settings
        self.policy = policy
        self.quota = quota
        self.authenticate: Authenticate = _nobody
        self._parts: dict[type, Any] = {}

    def put(self, kind: type[T], part: T) -> None:
        self._parts[kind] = part

    def get(self, kind: type[T]) -> T:
        """Raises KeyError when the part was not put in: a mistake of assembly, not of a request."""
        part = self._parts[kind]
        assert isinstance(part, kind)
        return part


async def _nobody(token: str) -> Context:
    from unkai.kernel.errors import Unauthorized

    raise Unauthorized
