"""From an order or a question to the driver's verb."""

from typing import assert_never

from unkai.contracts.steps import (
    ConsoleOutput,
    CreateGuest,
    DestroyGuest,
    Diagnostics,
    GuestPassword,
    Order,
    Question,
    RebootGuest,
    RefreshData,
    StartGuest,
    StopGuest,
    Uptime,
)
from unkai.node.driver import Driver
from unkai.node.job import Job

__all__ = ["answer", "perform", "server_of"]


def server_of(order: Order) -> str:
    match order:
        case CreateGuest() | StartGuest() | RebootGuest():
            return order.guest.server_id
        case DestroyGuest() | StopGuest():
            return order.server_id
        case RefreshData():
            return order.data.server_id
    assert_never(order)


async def perform(driver: Driver, job: Job, order: Order) -> dict[str, object]:
    """The data of the step's result. Raises StepFailed and job.Stopped."""
    match order:
        case CreateGuest():
            return await driver.create(job, order.guest, order.data)
        case DestroyGuest():
            await driver.destroy(job, order.server_id)
            return {}
        case StartGuest():
            await driver.start(job, order.guest, order.data)
            return {"power_state": "running"}
        case StopGuest():
            await driver.stop(job, order.server_id, order.timeout)
            return {"power_state": "shutdown"}
        case RebootGuest():
            await driver.reboot(job, order.guest, order.data, order.hard, order.timeout)
            return {"power_state": "running"}
        case RefreshData():
            await driver.refresh(order.data)
            return {}
    assert_never(order)


async def answer(driver: Driver, question: Question) -> dict[str, object]:
    """The data of the answer. Raises StepFailed."""
    match question:
        case ConsoleOutput():
            return {"output": await driver.console_output(question.server_id, question.length)}
        case Uptime():
            return {"uptime": await driver.uptime()}
        case Diagnostics():
            return dict(await driver.diagnostics(question.server_id))
        case GuestPassword():
            return {"password": await driver.password(question.server_id)}
    assert_never(question)
