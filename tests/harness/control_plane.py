"""A control plane that speaks only the node channel: it hands out steps and asks, and keeps what hosts say.

Leases and generations follow the kernel's rules (one sequence per subject, a new session gets steps anew), so that
an agent can be tried without the rest of the house. It is an ASGI application.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from unkai.contracts.channel import CAPABILITY, HOST, PREFIX, ProgressReply, Registered
from unkai.contracts.reports import Heartbeat, HostReport
from unkai.contracts.steps import (
    Answer,
    Ask,
    Order,
    PollReply,
    PollRequest,
    Progress,
    Question,
    StepResult,
    Wanted,
    Work,
)

_numbers = itertools.count(1)


@dataclass
class Step:
    """A step as the control plane's rows hold it. `done` is set when it is finished."""

    step_id: str
    subject: str
    order: Order | dict[str, Any]
    state: str = "queued"
    generation: int = 0
    session: str = ""
    until: float = 0.0
    cancel: bool = False
    result: StepResult | None = None
    progress: list[Progress] = field(default_factory=list)
    given: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Asked:
    ask: Ask
    answer: asyncio.Future[Answer]
    sent: bool = False


class ControlPlane:
    """One host's control plane. `down` makes every call fail as a dead process' would (503)."""

    def __init__(self, lease: float = 6.0, heartbeat: float = 0.5) -> None:
        self.lease = lease
        self.heartbeat = heartbeat
        self.down = False
        self.known = True
        self.reports: list[HostReport] = []
        self.beats: list[Heartbeat] = []
        self.powers: dict[str, str] = {}
        self.steps: dict[str, Step] = {}
        self.wanted: list[Wanted] = []
        self.images: dict[str, tuple[str, bytes]] = {}
        self.image_pause = 0.0
        self.image_requests: list[str] = []
        self.calls: list[tuple[str, str, int]] = []
        self.refuse: Callable[[str], int | None] = lambda path: None
        self._questions: dict[str, Asked] = {}
        self._generations: dict[str, int] = {}
        self._bell = asyncio.Event()

    # ---- for tests ----

    def order(self, order: Order | dict[str, Any], subject: str) -> Step:
        step = Step(f"step-{next(_numbers)}", subject, order)
        self.steps[step.step_id] = step
        self._bell.set()
        return step

    async def finish(self, order: Order | dict[str, Any], subject: str, seconds: float = 30.0) -> StepResult:
        """Give the order and return its result."""
        step = self.order(order, subject)
        await asyncio.wait_for(step.done.wait(), seconds)
        assert step.result is not None
        return step.result

    async def ask(self, question: Question, seconds: float = 20.0) -> Answer:
        name = f"ask-{next(_numbers)}"
        self._questions[name] = Asked(Ask(name, question), asyncio.get_running_loop().create_future())
        self._bell.set()
        return await asyncio.wait_for(self._questions[name].answer, seconds)

    def cancel(self, step: Step) -> None:
        step.cancel = True
        self._bell.set()

    def take_away(self, step: Step) -> None:
        """The lease is over as far as the control plane is concerned; the step is queued anew."""
        step.state, step.until = "queued", 0.0
        self._bell.set()

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not become true in time"
            await asyncio.sleep(0.01)

    # ---- the protocol ----

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        path = scope["path"].removeprefix(PREFIX)
        status, answer = await self._handle(scope["method"], path, headers, body)
        self.calls.append((scope["method"], path, status))
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        if isinstance(answer, bytes):
            await send({"type": "http.response.body", "body": answer})
            return
        async for piece in answer:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        if self.down:
            return 503, b'{"error": "down"}'
        if not headers.get(HOST.lower()):
            return 403, b'{"error": "who are you"}'
        refused = self.refuse(path)
        if refused is not None:
            return refused, b'{"error": "told to refuse"}'
        match [method, *path.strip("/").split("/")]:
            case ["POST", "register"]:
                self.reports.append(msgspec.json.decode(body, type=HostReport))
                self.known = True
                return 200, msgspec.json.encode(Registered(self.heartbeat, self.lease))
            case ["GET", "images", image_id]:
                return self._image(image_id, headers.get(CAPABILITY.lower(), ""))
            case _ if not self.known:
                return 404, b'{"error": "unknown host"}'
            case ["POST", "heartbeat"]:
                return self._beat(msgspec.json.decode(body, type=Heartbeat))
            case ["POST", "poll"]:
                return 200, msgspec.json.encode(await self._poll(msgspec.json.decode(body, type=PollRequest)))
            case ["POST", "steps", step_id, "progress"]:
                return self._progress(step_id, msgspec.json.decode(body, type=Progress))
            case ["POST", "steps", step_id, "result"]:
                return self._result(step_id, msgspec.json.decode(body, type=StepResult))
            case ["POST", "asks", ask_id]:
                self._questions[ask_id].answer.set_result(msgspec.json.decode(body, type=Answer))
                return 204, b""
            case ["GET", "wanted"]:
                return 200, msgspec.json.encode(self.wanted)
        return 404, b"{}"

    def _beat(self, beat: Heartbeat) -> tuple[int, bytes]:
        self.beats.append(beat)
        if beat.complete:
            self.powers = {}
        self.powers |= {status.server_id: status.power for status in beat.guests}
        return 204, b""

    async def _poll(self, request: PollRequest) -> PollReply:
        until = time.monotonic() + min(request.wait_seconds, 5.0)
        while True:
            self._bell.clear()
            reply = self._take(request)
            if reply.work or reply.asks or reply.lost or reply.cancel or time.monotonic() >= until or self.down:
                return reply
            try:
                await asyncio.wait_for(self._bell.wait(), until - time.monotonic())
            except TimeoutError:
                continue

    def _take(self, request: PollRequest) -> PollReply:
        now = time.monotonic()
        for step in self.steps.values():
            if step.state == "leased" and (step.session != request.session or step.until <= now):
                step.state = "queued"
        held = {step.step_id: step for step in self.steps.values() if step.state == "leased"}
        lost = [name for name, gen in request.running.items() if name not in held or held[name].generation != gen]
        for name in request.running:
            if name not in lost:
                held[name].until = now + self.lease
        asks = [one for one in self._questions.values() if not one.sent]
        for one in asks:
            one.sent = True
        queued = [step for step in self.steps.values() if step.state == "queued" and step.step_id not in held]
        return PollReply(
            work=[self._give(step, request.session, now) for step in queued[: request.capacity]],
            asks=[one.ask for one in asks],
            lost=lost,
            cancel=[name for name in request.running if name not in lost and held[name].cancel],
        )

    def _give(self, step: Step, session: str, now: float) -> Any:
        step.generation = self._generations[step.subject] = self._generations.get(step.subject, 0) + 1
        step.state, step.session, step.until = "leased", session, now + self.lease
        step.given += 1
        return Work(step.step_id, step.subject, step.generation, self.lease, step.order)  # type: ignore[arg-type]

    def _mine(self, step_id: str, generation: int) -> Step | None:
        step = self.steps.get(step_id)
        if step is None or step.state != "leased" or step.generation != generation or step.until <= time.monotonic():
            return None
        return step

    def _progress(self, step_id: str, progress: Progress) -> tuple[int, bytes]:
        step = self._mine(step_id, progress.generation)
        if step is None:
            return 409, b"{}"
        step.until = time.monotonic() + self.lease
        step.progress.append(progress)
        return 200, msgspec.json.encode(ProgressReply(cancel=step.cancel))

    def _result(self, step_id: str, result: StepResult) -> tuple[int, bytes]:
        known = self.steps.get(step_id)
        if known is not None and known.state == "done" and known.generation == result.generation:
            return 204, b""
        step = self._mine(step_id, result.generation)
        if step is None:
            return 409, b"{}"
        step.state, step.result = "done", result
        step.done.set()
        return 204, b""

    def _image(self, image_id: str, capability: str) -> tuple[int, bytes | AsyncIterator[bytes]]:
        self.image_requests.append(image_id)
        found = self.images.get(image_id)
        if found is None or found[0] != capability:
            return 403, b"{}"
        return 200, self._pieces(found[1])

    async def _pieces(self, data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 1 << 20):
            if self.image_pause:
                await asyncio.sleep(self.image_pause)
            yield data[start : start + (1 << 20)]
