"""
`stripe-mcp`, which tells once a second how many asyncio tasks there are in it: no line of /proc does.
"""

import asyncio
import os
import sys
from pathlib import Path

import uvicorn

from stripe_mcp.cli import main

TASKS = "tasks-{}"  # the file with the number, in its home, by the id of the process


class _Counted(uvicorn.Server):
    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            Path.home().joinpath(TASKS.format(os.getpid())).write_text(str(len(asyncio.all_tasks())))
        return await super().on_tick(counter)


if __name__ == "__main__":
    uvicorn.Server = _Counted  # type: ignore[misc]
    sys.exit(main())
