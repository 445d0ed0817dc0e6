"""
What does the simulator cost, beside the client that asks it, in the start of the server, and as it grows?

All figures of a line come from one run; ratios are medians, and times are CPU or wall milliseconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

import httpx

from benchmarks.against_bare_server import first_answers, upstream
from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.cards import CARDS, add_card
from stripe_mcp.simulator.charges import place_charge

ROUNDS = 200
NOW = 1_790_000_000
SMALL, LARGE = 1_000, 100_000
KEY = {"Authorization": "Bearer sk_test_bench"}

REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "one customer": ("GET", "/v1/customers/cus_ABC123", {}),
    "ten charges": ("GET", "/v1/charges", {}),
    "a search": ("GET", "/v1/charges/search", {"query": "status:'succeeded' AND amount>1000"}),
    "the balance": ("GET", "/v1/balance", {}),
    "a new customer": ("POST", "/v1/customers", {"email": "ada@example.com", "metadata[a]": "b"}),
    "a payment": (
        "POST",
        "/v1/payment_intents",
        {"amount": "500", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"},
    ),
}


def main() -> None:
    asyncio.run(against_its_client())
    against_the_servers_start()
    asyncio.run(against_its_own_size())


async def against_its_client() -> None:
    """
    CPU inside of the simulator against all the rest of an in-process request: the httpx client.
    """
    simulator, spent = Simulator(clock=lambda: NOW), [0.0]

    async def measured(scope: Any, receive: Any, send: Any) -> None:
        started = time.process_time()
        await simulator(scope, receive, send)
        spent[0] += time.process_time() - started

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=measured), base_url="http://simulator", headers=KEY
    ) as client:
        for title, request in REQUESTS.items():
            ours, all_of_it = await cpu(client, request, spent)
            theirs = all_of_it - ours
            print(
                f"{title}: simulator {ours * 1000:.3f} ms, httpx {theirs * 1000:.3f} ms of CPU, "
                f"ratio {ours / theirs:.2f} (at most 1)"
            )


async def cpu(
    client: httpx.AsyncClient, request: tuple[str, str, dict[str, str]], spent: list[float]
) -> tuple[float, float]:
    """
    CPU seconds a request, medians: in the simulator, and in all.
    """
    method, path, fields = request
    place: dict[str, Any] = {"data" if method == "POST" else "params": fields}
    ours, all_of_it = [], []
    for _ in range(ROUNDS):
        before, started = spent[0], time.process_time()
        reply = await client.request(method, path, **place)
        all_of_it.append(time.process_time() - started)
        ours.append(spent[0] - before)
        assert reply.status_code == 200, reply.text
    return median(ours), median(all_of_it)


def against_the_servers_start() -> None:
    """
    Spawn to the first answer of a tool: with the shop, and with a Stripe on loopback that answers at once.
    """
    with upstream() as base:
        shop, stripe = first_answers(base)
    ratio = median(mine / theirs for mine, theirs in zip(shop, stripe, strict=True))
    print(
        f"spawn to the first answer: with the shop {median(shop) * 1000:.0f} ms, "
        f"without {median(stripe) * 1000:.0f} ms, ratio {ratio:.3f} (at most 1.15)"
    )


async def against_its_own_size() -> None:
    """
    The same three reads over 1,000 and over 100,000 charges, in turn.
    """
    shops = {size: await client_of(size) for size in (SMALL, LARGE)}
    for title, read in READS.items():
        times: dict[int, list[float]] = {size: [] for size in shops}
        for number in range(ROUNDS + 1):
            for size, (client, cursor) in shops.items():
                started = time.perf_counter()
                found = await read(client, cursor)
                if number:  # the first one makes the index
                    times[size].append(time.perf_counter() - started)
                assert len(found) == 10
        ratio = median(large / small for large, small in zip(times[LARGE], times[SMALL], strict=True))
        print(
            f"{title}: {median(times[LARGE]) * 1000:.3f} ms among {LARGE:,} charges, "
            f"{median(times[SMALL]) * 1000:.3f} ms among {SMALL:,}, ratio {ratio:.2f} (at most 3)"
        )


async def client_of(size: int) -> tuple[httpx.AsyncClient, str]:
    """
    A client of a shop with *size* charges, every hundredth of them Ada's, and the id in their middle.
    """
    simulator = Simulator(clock=lambda: NOW)
    store, ids = simulator.store, []
    cards = [add_card(store, CARDS["visa"]) for _ in range(2)]
    cards[0]["customer"] = "cus_ABC123"
    for number in range(size):
        with store.at(NOW - 90 * 86_400 + number):
            method = cards[number % 50 > 0]
            charge = place_charge(store, 500 + number, "usd", method, metadata={"order": str(number % 50)})
            ids.append(charge["id"])
    transport = httpx.ASGITransport(app=simulator)
    return httpx.AsyncClient(transport=transport, base_url="http://simulator", headers=KEY), ids[size // 2]


async def ask(client: httpx.AsyncClient, path: str, **fields: str) -> list[Any]:
    reply = await client.get(path, params=fields)
    found: list[Any] = reply.json()["data"]
    return found


READS: dict[str, Callable[[httpx.AsyncClient, str], Awaitable[list[Any]]]] = {
    "a page by cursor": lambda client, cursor: ask(client, "/v1/charges", starting_after=cursor),
    "a filtered list": lambda client, cursor: ask(client, "/v1/charges", customer="cus_ABC123"),
    "an indexed search": lambda client, cursor: ask(
        client, "/v1/charges/search", query="metadata['order']:'7' AND currency:'usd'"
    ),
}


if __name__ == "__main__":
    main()
