"""Asks: questions of seconds to a host, carried by a row and a wake so that any process can ask any host."""

import msgspec

from unkai.contracts.steps import Answer, Question
from unkai.kernel.clock import monotonic
from unkai.kernel.flow.hosts import WORK_TOPIC
from unkai.kernel.ids import new_uuid
from unkai.kernel.kit import Kit
from unkai.kernel.store import Tx
from unkai.nodes import store
from unkai.nodes.errors import HostUnreachable
from unkai.nodes.service.hosts import host_by_name

ASK_TOPIC = "ask:{ask_id}"


async def ask(kit: Kit, host: str, question: Question, timeout: float = 10.0) -> Answer:
    """The host's answer. Raises HostNotFound, HostUnreachable when it is down or silent."""
    ask_id = new_uuid()
    topic = ASK_TOPIC.format(ask_id=ask_id)
    bell = kit.wake.listen(topic)
    until = monotonic() + timeout
    try:
        await kit.db.run(_put, kit, ask_id, host, question, timeout)
        while (left := until - monotonic()) > 0:
            # The look every second is for an answer that another process took.
            await bell.wait(min(left, 1.0))
            found = await kit.db.read(store.read_answer, ask_id)
            if found is not None:
                return msgspec.convert(found, Answer)
        raise HostUnreachable(host=host, reason=f"no answer within {timeout:g} seconds")
    finally:
        kit.wake.forget(topic, bell)
        await kit.db.run(store.delete_ask, ask_id)


def _put(tx: Tx, kit: Kit, ask_id: str, host: str, question: Question, timeout: float) -> None:
    if not host_by_name(tx, kit, host).up:
        raise HostUnreachable(host=host, reason="it is down")
    store.insert_ask(tx, ask_id, host, msgspec.to_builtins(question), timeout)
    tx.ring(WORK_TOPIC.format(host=host))
