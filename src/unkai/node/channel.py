"""The host's end of the node channel: the calls of `contracts.channel`, and what their failures mean.

One HTTP client may carry the calls of many hosts (simulated clouds): `Channel` only adds who calls.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import tenacity

from unkai.contracts import channel as names
from unkai.contracts.channel import ProgressReply, Registered
from unkai.contracts.reports import Heartbeat, HostReport
from unkai.contracts.steps import Answer, Order, PollRequest, Progress, Question, StepResult, Wanted
from unkai.kernel.log import get

__all__ = [
    "Channel",
    "GivenAsk",
    "GivenWork",
    "Polled",
    "Refused",
    "Stale",
    "Unknown",
    "Unreachable",
    "persist",
    "unix_client",
]

_log = get(__name__)
T = TypeVar("T")
_ANSWER_SECONDS = 15.0


class Unreachable(Exception):
    """The control plane does not answer, or cannot now: the same call may succeed later."""


class Stale(Exception):
    """409: the step is not this host's any more at this generation."""


class Unknown(Exception):
    """403 or 404: not this host's business, or the control plane does not know the host (any more)."""


class Refused(Exception):
    """The control plane does not accept the message; the same call would fail again."""


class GivenWork(msgspec.Struct, frozen=True):
    """`contracts.steps.Work` with its order still encoded, so that one unknown order spoils no other."""

    step_id: str
    subject: str
    generation: int
    lease_seconds: float
    order: msgspec.Raw

    def decode(self) -> Order:
        """Raises msgspec.ValidationError for an order that this release does not know."""
        order: Order = msgspec.json.decode(self.order, type=Order)
        return order


class GivenAsk(msgspec.Struct, frozen=True):
    ask_id: str
    question: msgspec.Raw

    def decode(self) -> Question:
        """Raises msgspec.ValidationError for a question that this release does not know."""
        question: Question = msgspec.json.decode(self.question, type=Question)
        return question


class Polled(msgspec.Struct, frozen=True):
    """`contracts.steps.PollReply`, orders and questions still encoded."""

    work: list[GivenWork] = []
    asks: list[GivenAsk] = []
    lost: list[str] = []
    cancel: list[str] = []


def unix_client(path: Path, connections: int = 32) -> httpx2.AsyncClient:
    """A client whose every connection goes to the unix socket at `path`."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    transport = httpx2.AsyncHTTPTransport(uds=str(path), limits=limits)
    return httpx2.AsyncClient(transport=transport, base_url="http://control-plane", trust_env=False)


class Channel:
    """The calls of one host. Each raises Unreachable, Stale, Unknown or Refused."""

    def __init__(self, client: httpx2.AsyncClient, host: str) -> None:
        self._client = client
        self._headers = {names.HOST: host}

    async def register(self, report: HostReport) -> Registered:
        return msgspec.json.decode(await self._post("/register", report), type=Registered)

    async def heartbeat(self, beat: Heartbeat) -> None:
        await self._post("/heartbeat", beat)

    async def poll(self, request: PollRequest) -> Polled:
        patience = request.wait_seconds + _ANSWER_SECONDS
        return msgspec.json.decode(await self._post("/poll", request, patience), type=Polled)

    async def progress(self, step_id: str, progress: Progress) -> ProgressReply:
        return msgspec.json.decode(await self._post(f"/steps/{step_id}/progress", progress), type=ProgressReply)

    async def result(self, step_id: str, result: StepResult) -> None:
        await self._post(f"/steps/{step_id}/result", result)

    async def answer(self, ask_id: str, answer: Answer) -> None:
        await self._post(f"/asks/{ask_id}", answer)

    async def wanted(self) -> list[Wanted]:
        return msgspec.json.decode(await self._call("GET", "/wanted", None, 60.0), type=list[Wanted])

    @contextlib.asynccontextmanager
    async def image(self, image_id: str, capability: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The stored bytes of an image, in pieces of up to 1 MiB."""
        headers = {**self._headers, names.CAPABILITY: capability, "Accept-Encoding": "identity"}
        timeout = httpx2.Timeout(60.0, connect=10.0)
        url = f"{names.PREFIX}/images/{image_id}"
        with _translated():
            async with self._client.stream("GET", url, headers=headers, timeout=timeout) as response:
                if response.status_code >= 300:
                    await response.aread()
                    _raise_for(response)
                yield response.aiter_raw(1 << 20)

    async def _post(self, path: str, body: object, patience: float = _ANSWER_SECONDS) -> bytes:
        return await self._call("POST", path, msgspec.json.encode(body), patience)

    async def _call(self, method: str, path: str, body: bytes | None, patience: float) -> bytes:
        headers = {**self._headers, "Content-Type": "application/json"} if body is not None else self._headers
        timeout = httpx2.Timeout(patience, connect=10.0)
        with _translated():
            response = await self._client.request(
                method, names.PREFIX + path, content=body, headers=headers, timeout=timeout
            )
            if response.status_code >= 300:
                _raise_for(response)
            return response.content


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except (httpx2.TransportError, httpx2.StreamError) as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    except msgspec.MsgspecError as error:
        raise Refused(f"the answer cannot be understood: {error}") from error


def _raise_for(response: httpx2.Response) -> None:
    # A body of an error goes into a log: never more of it than a line.
    text = f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:200]}"
    if response.status_code == 409:
        raise Stale(text)
    if response.status_code in (403, 404):
        raise Unknown(text)
    if response.status_code >= 500 or response.status_code in (408, 429):
        raise Unreachable(text)
    raise Refused(text)


async def persist(what: str, call: Callable[[], Awaitable[T]], longest: float = 15.0) -> T:
    """Repeat a call until the control plane answers it, with growing, jittered pauses of up to `longest` seconds.

    Raises what is not Unreachable. The first failure and then every twentieth is logged.
    """

    def complain(state: tenacity.RetryCallState) -> None:
        if state.attempt_number % 20 == 1:
            error = state.outcome.exception() if state.outcome else None
            _log.warning("control plane unreachable", call=what, attempt=state.attempt_number, error=str(error))

    async for attempt in tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(Unreachable),
        wait=tenacity.wait_random_exponential(multiplier=0.25, max=longest),
        before_sleep=complain,
        reraise=True,
    ):
        with attempt:
            return await call()
    raise AssertionError("never stops by itself")
