"""
Do three replicas stay what they were, over minutes of calls of which Stripe spoils 5 %?

The set-up is that of `tests/replicas`: nginx, PostgreSQL, five tenants, clients that repeat. In the first
fifth of the time a replica is killed and started again; from then on memory, handles, threads and tasks
have to stay flat. In the end money has to have moved once, limits to be kept to the cent, and nobody to
have been shown anything of another.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from tests.faults.postgres import running_cluster
from tests.replicas.counted import TASKS
from tests.replicas.fleet import Fleet, running_fleet
from tests.replicas.load import Load, problems
from tests.replicas.process import Process

EVERY = 20  # of so many requests to Stripe, one goes wrong
ROUNDS = 10  # of each client, before the next ones are prepared
WARM_UP, LEAST = 0.2, 40.0  # of the time, and in seconds
SAMPLES = 12  # that are printed
# What a replica may have more than after the warm-up: MB, handles, threads and tasks. nginx keeps idle
# connections to each, 64 a worker at most, and takes its time to spread them; each call has a few tasks.
MEMORY, FILES, THREADS, TASKS_MORE = 20.0, 32, 3, 100


@dataclass(frozen=True)
class Weight:
    """
    What a replica holds: memory in MB, open files, threads, and asyncio's tasks.
    """

    memory: float
    files: int
    threads: int
    tasks: int

    @classmethod
    def of(cls, replica: Process) -> "Weight":
        proc = Path(f"/proc/{replica.pid}")
        memory = int((proc / "statm").read_text().split()[1]) * 4096 / 1e6
        files, threads = ((len(list((proc / name).iterdir()))) for name in ("fd", "task"))
        return cls(memory, files, threads, int(replica.home.joinpath(TASKS.format(replica.pid)).read_text()))

    def grown_beyond(self, warm: "Weight") -> bool:
        return (
            self.memory > warm.memory + MEMORY
            or self.files > warm.files + FILES
            or self.threads > warm.threads + THREADS
            or self.tasks > warm.tasks + TASKS_MORE
        )

    def __str__(self) -> str:
        return f"{self.memory:7.1f} MB {self.files:4} {self.threads:3} {self.tasks:4}"


async def soak(fleet: Fleet, load: Load, seconds: float) -> list[str]:
    """
    Keep the clients busy for so many *seconds*, and return what does not hold.
    """
    started, warm_up = time.monotonic(), max(seconds * WARM_UP, LEAST)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(_work(load, started + seconds))
        await asyncio.sleep(warm_up / 4)
        fleet.replicas[0].kill()
        await asyncio.sleep(1)
        await anyio.to_thread.run_sync(fleet.replicas[0].start)
        await asyncio.sleep(started + warm_up - time.monotonic())
        warm = [Weight.of(replica) for replica in fleet.replicas]
        end = warm
        while not working.done():
            end = [Weight.of(replica) for replica in fleet.replicas]
            _print_row(time.monotonic() - started, load, end)
            await asyncio.wait([working], timeout=(seconds - warm_up) / SAMPLES)
    grown = [
        f"replica {number} has grown from {before} to {after}"
        for number, (before, after) in enumerate(zip(warm, end, strict=True), start=1)
        if after.grown_beyond(before)
    ]
    return grown + problems(fleet, load.tallies)


async def _work(load: Load, until: float) -> None:
    first = 0
    while time.monotonic() < until:
        await load.run(ROUNDS, first)
        first += ROUNDS * load.at_once


def _print_row(elapsed: float, load: Load, weights: list[Weight]) -> None:
    repeated = sum(tally.repeated.total() for tally in load.tallies)
    print(f"{elapsed:5.0f} s {load.settled:8} {repeated:8}   {'   '.join(map(str, weights))}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=4, help="of each of the five tenants")
    options = parser.parse_args()
    print("        calls repeated   a replica each: memory, handles, threads, tasks")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cluster() as cluster,
        running_fleet(cluster, Path(folder), str(EVERY), STRIPE_MCP_MAX_RETRIES="0") as fleet,
    ):
        load = Load(fleet, options.clients)
        found = asyncio.run(soak(fleet, load, options.minutes * 60))
    for reason, times in sum((tally.repeated for tally in load.tallies), start=Counter()).most_common(10):
        print(f"{times:8} repeated: {reason}")
    print("\n".join(found) or "Money moved once, limits were kept, tenants stayed apart, nothing has grown.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
