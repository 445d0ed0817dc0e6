"""
What an operator sees of `serve`: spans and figures at a collector, lines in a private file.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collecting import Collector
from tests.remote.process import remote

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="a POSIX signal ends the server"),
]


def spans(came: Collector) -> Iterator[Any]:
    for path, request in came.came:
        for part in request.resource_spans if path == "/v1/traces" else ():
            for scope in part.scope_spans:
                yield from scope.spans


def figures(came: Collector) -> dict[str, Any]:
    return {
        metric.name: metric
        for path, request in came.came
        if path == "/v1/metrics"
        for part in request.resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
    }


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_call_is_one_trace_from_the_client_to_stripe(
    workers: str,
    collector: Collector,
    tmp_path: Path,
) -> None:
    simulated = ["--simulator"] if workers == "1" else ["--workers", workers]
    database = f"sqlite:///{tmp_path}/ledger.db"
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "STRIPE_MCP_DATABASE_URL": database}
    with remote(*simulated, NO_PROXY="127.0.0.1", **named) as running:
        async with running.client() as client:
            await client.call_tool("get_balance", {})
        assert running.end() == 0
    named_spans = {span.name: span for span in spans(collector)}
    call = named_spans["tools/call get_balance"]
    assert {"stripe_mcp.calls", "stripe_mcp.call.duration"} <= figures(collector).keys()
    if workers == "1":  # else there is no key, and nobody to ask
        asked = named_spans["GET /v1/balance"]
        assert asked.trace_id == call.trace_id
        assert asked.parent_span_id == call.span_id


async def test_open_operations_are_counted_by_principal(
    collector: Collector,
    tmp_path: Path,
) -> None:
    database = f"sqlite:///{tmp_path}/ledger.db"
    lost = {
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_MCP_API_BASE": collector.address,  # which takes no refund, and is no Stripe
        "STRIPE_ACCOUNT": "acct_1",
        "STRIPE_MCP_MAX_RETRIES": "0",
        "STRIPE_MCP_DATABASE_URL": database,
    }
    with remote(**lost) as running:
        async with running.client() as client:
            result = await client.call_tool("create_customer", {"email": "ann@example.com"})
    assert "OUTCOME UNKNOWN" in str(result.content)
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "STRIPE_MCP_DATABASE_URL": database}
    with remote(NO_PROXY="127.0.0.1", **named) as running:
        async with running.client() as client:  # it has counted once before it serves the first
            await client.list_tools()
        assert running.end() == 0
    (point,) = figures(collector)["stripe_mcp.operations.open"].gauge.data_points
    assert point.as_int == 1
    assert [(item.key, item.value.string_value) for item in point.attributes] == [("tenant", "local")]


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_lines_go_to_a_private_file_as_json(workers: str, tmp_path: Path) -> None:
    file = tmp_path / "log"
    database = f"sqlite:///{tmp_path}/ledger.db"
    with remote(
        "--log-json",
        "--log-file",
        str(file),
        "--workers",
        workers,
        STRIPE_MCP_DATABASE_URL=database,
        STRIPE_SECRET_KEY="sk_test_1",
        STRIPE_MCP_API_BASE="http://127.0.0.1:9",
        STRIPE_MCP_MAX_RETRIES="0",
    ) as running:
        async with running.client() as client:
            await client.call_tool("get_balance", {})
        assert running.end() == 0
        assert running.log == []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert any(line["logger"] == "stripe_mcp.transport" for line in lines)
    assert file.stat().st_mode & 0o077 == 0
