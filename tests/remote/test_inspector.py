"""
The MCP Inspector, a client that we did not write: its command line, and `mcpdo`, which answers questions.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.npx import SECONDS, Unavailable, environment_with
from tests.remote.process import TOKEN, remote

INSPECTOR = "@modelcontextprotocol/inspector@2.12.0"
ASKING = ("stripe_mcp", "--simulator", "--confirm", "always")

of_each_way = pytest.mark.parametrize(
    ("server", "era"), [("stdio", "modern"), ("http", "modern"), ("http", "legacy")]
)


class Inspector:
    """
    Runs the Inspector's *programs* on *servers*; what they keep is in *folder*.
    """

    def __init__(self, programs: dict[str, str], folder: Path, servers: dict[str, Any]) -> None:
        self._config = folder / "mcp.json"
        self._config.write_text(json.dumps({"mcpServers": servers}), encoding="utf-8")
        own = {
            "MCP_STORAGE_DIR": folder / "storage",
            "MCP_INSPECTOR_DAEMON_DIR": folder / "daemon",
            "MCP_INSPECTOR_DAEMON_TOKEN": "d" * 43,
            "MCP_INSPECTOR_SECRET_STORE": "memory",
        }
        self._environment = programs | {name: str(value) for name, value in own.items()}

    def _run(self, *command: str) -> Any:
        done = subprocess.run(
            command, capture_output=True, text=True, env=self._environment, timeout=SECONDS, check=False
        )
        assert done.returncode in (0, 5), done.stderr  # 5: the tool's result is an error
        return json.loads(done.stdout)

    def cli(self, server: str, era: str, method: str, *arguments: str) -> Any:
        """
        What *method* gives, in a session of its own.
        """
        chosen = ("--config", str(self._config), "--server", server, "--protocol-era", era)
        command = (
            "mcp-inspector",
            "--cli",
            "--quiet",
            "--format",
            "json",
            *chosen,
            "--method",
            method,
            *arguments,
        )
        return self._run(*command)["result"]

    def connect(self, server: str, era: str, elicit: str = "both") -> "Connection":
        """
        A connection that lasts.
        """
        chosen = ("--config", str(self._config), "--era", era, "--elicit", elicit)
        assert self.mcpdo("connect", server, *chosen)["protocolEra"] == era
        return Connection(self, f"@{server}")

    def mcpdo(self, *arguments: str) -> Any:
        """
        What one command of `mcpdo` gives.
        """
        return self._run("mcpdo", "--format", "json", *arguments)


class Connection:
    """
    A connection that the daemon of `mcpdo` holds.
    """

    def __init__(self, inspector: Inspector, name: str) -> None:
        self._mcpdo, self._name = inspector.mcpdo, name

    def call(self, tool: str, **arguments: Any) -> Any:
        """
        The tool's result, or what the person is asked.
        """
        return self._mcpdo(self._name, "tools/call", tool, json.dumps(arguments))

    def answer(self, asked: Any, *said: str) -> Any:
        """
        The tool's result, after *said* is the answer to what was *asked*.
        """
        return self._mcpdo("elicitation/respond", asked["elicitationPending"]["elicitationId"], *said)

    def charge_to_refund(self) -> dict[str, Any]:
        """
        The latest charge that was collected and not refunded.
        """
        found: dict[str, Any] = next(
            charge
            for charge in self.call("list_charges", limit=100)["structuredContent"]["data"]
            if charge["status"] == "succeeded" and not charge.keys() & {"captured", "refunded"}
        )
        return found

    def refunded(self, charge: dict[str, Any]) -> int:
        """
        How much of *charge* went back.
        """
        amount: int = self.call("get_charge", charge_id=charge["id"])["structuredContent"].get(
            "amount_refunded", 0
        )
        return amount


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    try:
        programs = environment_with(INSPECTOR)
    except Unavailable as why:
        pytest.skip(str(why))
    with (
        TemporaryDirectory() as folder,
        remote("--simulator") as plain,
        remote("--simulator", "--confirm", "always") as asking,
    ):
        http = {"type": "streamable-http", "headers": {"Authorization": f"Bearer {TOKEN}"}}
        environment = {
            "STRIPE_MCP_DATABASE_URL": "sqlite://",
            "STRIPE_MCP_CONFIG": os.devnull,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        inspector = Inspector(
            programs,
            Path(folder),
            {
                "plain": http | {"url": f"{plain.address}/mcp"},
                "http": http | {"url": f"{asking.address}/mcp"},
                "stdio": {"command": sys.executable, "args": ["-m", *ASKING], "env": environment},
            },
        )
        yield inspector
        inspector.mcpdo("daemon", "stop")


@of_each_way
def test_the_inspector_finds_nothing_to_complain_about_in_the_schemas(
    inspector: Inspector, server: str, era: str
) -> None:
    listed = inspector.cli(server, era, "tools/list", "--strict")
    assert len(listed["tools"]) >= 37


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_the_inspector_reads_the_balance_and_refunds(inspector: Inspector, era: str) -> None:
    connection = inspector.connect("plain", era)
    charge = connection.charge_to_refund()
    balance = inspector.cli("plain", era, "tools/call", "--tool-name", "get_balance")
    assert balance["structuredContent"]["object"] == "balance"
    argument = f"charge={charge['id']}"
    refund = inspector.cli("plain", era, "tools/call", "--tool-name", "create_refund", "--tool-arg", argument)
    assert refund["structuredContent"]["amount"] == charge["amount"]
    assert connection.refunded(charge) == charge["amount"]


@of_each_way
def test_mcpdo_has_a_person_decline_and_then_accept(inspector: Inspector, server: str, era: str) -> None:
    connection = inspector.connect(server, era)
    charge = connection.charge_to_refund()

    asked = connection.call("create_refund", charge=charge["id"])
    declined = connection.answer(asked, "--decline")
    assert "the person said no" in declined["content"][0]["text"]
    assert connection.refunded(charge) == 0

    asked = connection.call("create_refund", charge=charge["id"])
    refund = connection.answer(asked, "confirm:=true")
    assert refund["structuredContent"]["amount"] == charge["amount"]
    assert connection.refunded(charge) == charge["amount"]


@of_each_way
def test_a_client_that_cannot_ask_is_sent_to_the_terminal(
    inspector: Inspector, server: str, era: str
) -> None:
    connection = inspector.connect(server, era, elicit="off")
    charge = connection.charge_to_refund()
    refused = connection.call("create_refund", charge=charge["id"])
    assert refused["isError"]
    assert "stripe-mcp approve" in refused["content"][0]["text"]
    assert connection.refunded(charge) == 0
