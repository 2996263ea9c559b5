"""Running the distribution's programs on guests' files: never a shell, never longer or larger than told."""

import asyncio
import contextlib
from collections.abc import Sequence

__all__ = ["IMAGE_LIMITS", "ToolFailed", "ToolMissing", "run"]

_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

# For whatever parses a user's image: a crafted header must not take the host's memory or CPU. Upstream allows 30 s
# of CPU time and 1 GiB of addresses for a look at an image; converting gets time by its size.
IMAGE_LIMITS = (1 << 30, 30)


class ToolFailed(Exception):
    """The program said no; the text is the end of what it printed."""


class ToolMissing(ToolFailed):
    """The program is not installed."""


async def run(
    argv: Sequence[str], *, timeout: float = 60.0, limits: tuple[int, int] | None = None, stdin: bytes = b""
) -> str:
    """Standard output of a program. `limits` are bytes of address space and seconds of CPU time.

    Cancelling kills it. It does not outlive the agent either: what it writes is begun anew then. Raises
    ToolFailed, ToolMissing.
    """
    command = ["setpriv", "--pdeathsig", "KILL", "--"]
    if limits is not None:
        command += ["prlimit", f"--as={limits[0]}", f"--cpu={limits[1]}", "--"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(stdin)
    except TimeoutError:
        raise ToolFailed(f"{argv[0]} did not end within {timeout:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode == 127 and b"failed to execute" in err:
        raise ToolMissing(f"{argv[0]} is not installed")
    if process.returncode != 0:
        said = err.decode(errors="replace").strip()[-500:] or f"exit status {process.returncode}"
        raise ToolFailed(f"{argv[0]}: {said}")
    return out.decode(errors="replace")
