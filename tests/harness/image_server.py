"""An image service as a process of its own, to be killed: `python -m harness.image_server FOLDER`. Prints its port."""

import asyncio
import sys
from pathlib import Path

from harness.images import build, quick_leases
from unkai.kernel.web import listener


async def serve(folder: Path) -> None:
    cloud = build(f"sqlite:///{folder}/images.db", folder / "store", quick_leases())
    server = listener.tcp(cloud.app, "127.0.0.1", 0)
    await server.begin()
    print(server.port, flush=True)
    async with asyncio.TaskGroup() as tasks:
        for task in cloud.room.background:
            tasks.create_task(task(cloud.kit))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
