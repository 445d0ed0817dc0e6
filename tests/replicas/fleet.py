"""
The whole of `deploy/` on loopback: three replicas of `stripe-mcp serve` behind nginx, one PostgreSQL, one
Stripe, and five tenants, of which each has its own token, key and account.

Rule: a replica sees no environment, no folder and no setting but those that the compose file gives it.
"""

import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from mcp import Client
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.faults.postgres import Cluster
from tests.replicas.nginx import Proxy, running_nginx
from tests.replicas.process import PATIENCE, Process
from tests.replicas.stripe import HARNESS, NAMES, PLATFORM

REPLICAS = 3
MODERN = "2026-07-28"
LIMITED, DAILY = NAMES[0], 2_000  # the tenant with a limit on refunds, and how much it may give back (cents)
ON_PLATFORM = NAMES[-2:]  # tenants whose account is named beside the platform's key


@dataclass(frozen=True)
class Tenant:
    """
    A merchant; *canary* is in the name of each of their customers, and in nothing else.
    """

    name: str

    @property
    def canary(self) -> str:
        return f"canary-of-{self.name}"

    @property
    def account(self) -> str:
        return f"acct_1{self.name}"

    @property
    def key(self) -> str:
        return PLATFORM if self.name in ON_PLATFORM else f"sk_test_{self.name}0000"

    @property
    def token(self) -> str:
        return f"token-of-{self.name}-".ljust(43, "x")

    @property
    def marks(self) -> tuple[str, str, str]:
        """
        What nobody else may ever be shown.
        """
        return (self.canary, self.account, self.token)

    def configure(self, folder: Path) -> str:
        """
        Its lines in the tenants file; the key is in a file of its own in *folder*.
        """
        write_private(folder / f"{self.name}.key", self.key)
        digest = hashlib.sha256(self.token.encode()).hexdigest()
        lines = [f"[{self.name}]", f'key_file = "{folder}/{self.name}.key"', f'tokens = ["sha256:{digest}"]']
        if self.name in ON_PLATFORM:
            lines.append(f'stripe_account = "{self.account}"')
        if self.name == LIMITED:
            lines.append(f'max_refund_per_day = {{ usd = "{DAILY // 100}.00" }}')
        return "\n".join([*lines, "", ""])


TENANTS = tuple(Tenant(name) for name in NAMES)


def write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


class Shop:
    """
    A merchant's account at Stripe, looked at from Stripe's side.
    """

    def __init__(self, address: str, tenant: Tenant) -> None:
        headers = {"Authorization": f"Bearer {HARNESS}", "Stripe-Account": tenant.account}
        self._http = httpx.Client(base_url=address, headers=headers, trust_env=False)

    def pay(self, amount: int) -> str:
        """
        The id of a new payment of *amount* cents.
        """
        fields = {"currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
        return str(self._ask("POST", "/v1/payment_intents", fields | {"amount": str(amount)})["id"])

    def all(self, kind: str) -> Iterator[Any]:
        """
        All objects of *kind*, such as `refunds`.
        """
        query = "limit=100"
        while True:
            page = self._ask("GET", f"/v1/{kind}?{query}")
            yield from page["data"]
            if not page["has_more"]:
                return
            query = f"limit=100&starting_after={page['data'][-1]['id']}"

    def _ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> Any:
        reply = self._http.request(method, path, data=fields)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def close(self) -> None:
        self._http.close()


@dataclass
class Fleet:
    """
    All that runs; *stripe* is the address of Stripe, *proxy* what stands before the *replicas*.
    """

    stripe: str
    replicas: list[Process]
    proxy: Proxy

    @contextmanager
    def shop(self, tenant: Tenant) -> Iterator[Shop]:
        shop = Shop(self.stripe, tenant)
        try:
            yield shop
        finally:
            shop.close()

    @asynccontextmanager
    async def client(
        self, tenant: Tenant, at: str | None = None, asked: ElicitationFnT | None = None
    ) -> AsyncIterator[Client]:
        """
        The SDK's client of *tenant*, which speaks to the proxy or to the replica *at* that address.
        """
        authorization = {"Authorization": f"Bearer {tenant.token}"}
        async with create_mcp_http_client(authorization) as http:
            transport = streamable_http_client(f"{at or self.proxy.url}/mcp", http_client=http)
            async with Client(
                transport, mode=MODERN, elicitation_callback=asked, read_timeout_seconds=PATIENCE
            ) as client:
                yield client

    def admin(self, method: str, route: str, body: Any = None) -> Any:
        """
        What the simulator's *route* below `/_simulator/` answers.
        """
        reply = httpx.request(method, f"{self.stripe}/_simulator/{route}", json=body, trust_env=False)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def passed_on(self) -> int:
        """
        How many requests nginx gave to more than one replica.
        """
        return sum(", " in json.loads(line)["replica"] for line in self.proxy.log.read_text().splitlines())


@contextmanager
def running_fleet(cluster: Cluster, folder: Path, *stripe: str, **environment: str) -> Iterator[Fleet]:
    """
    Start all of it, with an empty database in *cluster*, and stop it at the end.

    *stripe* are arguments of `tests.replicas.stripe`, *environment* are settings of all replicas.
    """
    log = folder / "stderr"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    merchants = Process([sys.executable, "-m", "tests.replicas.stripe", *stripe], clean, log)
    processes = [merchants]
    try:
        merchants.start()
        settings = clean | _settings(cluster, folder, merchants.url) | environment
        replicas = [Process(_serve(folder), settings, log) for _ in range(REPLICAS)]
        processes += replicas
        for replica in replicas:
            replica.launch()
        for replica in replicas:
            replica.wait()
        with running_nginx([replica.url for replica in replicas]) as proxy:
            yield Fleet(merchants.url, replicas, proxy)
    finally:
        for process in processes:
            process.stop()


def _serve(folder: Path) -> list[str]:
    names = ["--allow-host", "127.0.0.1"]
    tenants = folder / "tenants.toml"
    if not tenants.exists():
        write_private(tenants, "".join(tenant.configure(folder) for tenant in TENANTS))
    command = [
        sys.executable,
        "-m",
        "tests.replicas.counted",
        "serve",
        "--stateless",
        "--tenants",
        str(tenants),
    ]
    return [*command, *names, "--port", "PORT"]


def _settings(cluster: Cluster, folder: Path, stripe: str) -> dict[str, str]:
    return {
        "HOME": str(folder),
        "STRIPE_MCP_CONFIG": os.devnull,
        "STRIPE_MCP_API_BASE": stripe,
        "STRIPE_MCP_DATABASE_URL": cluster.create_database(),
        "STRIPE_MCP_STATE_KEYS": "of-all-replicas-".ljust(43, "x"),
    }
