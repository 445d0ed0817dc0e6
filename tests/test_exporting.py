"""
What reaches a collector, and what happens when there is none.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stripe_mcp import __version__
from stripe_mcp.exporting import Telemetry, start_telemetry
from stripe_mcp.settings import telemetry_signals
from tests.collecting import Collector

SERVER = """
import json, time
import anyio
from mcp import Client
from mcp.shared.exceptions import MCPError
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.exporting import start_telemetry
from stripe_mcp.logs import logging_to
from stripe_mcp.opening import opener
from stripe_mcp.server import create_server
from stripe_mcp.settings import read_settings, telemetry_signals
from stripe_mcp.telemetry import measured

async def main():
    settings = read_settings(simulator=True)
    async with Client(create_server(load_catalog(builtin_folder()), settings, opener(settings))) as client:
        with measured("get_balance"):
            await client.call_tool("get_balance", {})
        await client.call_tool("create_customer", {"email": "jenny.canary@example.com"})
        try:
            await client.call_tool("jenny.canary@example.com", {})
        except MCPError:
            pass

with logging_to():
    telemetry = start_telemetry(telemetry_signals())
    anyio.run(main)
    started = time.monotonic()
    telemetry.shutdown()
    print(json.dumps(time.monotonic() - started))
"""


def serve(**variables: str) -> tuple[float, str]:
    """
    Let a server that has these *variables* carry out some calls; the seconds that its end took, and its log.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("OTEL_", "STRIPE_"))}
    ended = subprocess.run(
        [sys.executable, "-c", SERVER],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=inherited | {"STRIPE_MCP_DATABASE_URL": "sqlite://", "NO_PROXY": "127.0.0.1"} | variables,
    )
    return json.loads(ended.stdout), ended.stderr


def test_spans_and_figures_reach_a_collector_and_say_who_sent_them(collector: Collector) -> None:
    _, log = serve(OTEL_EXPORTER_OTLP_ENDPOINT=collector.address, OTEL_EXPORTER_OTLP_HEADERS="token=secret")
    assert log == ""
    assert all(headers["token"] == "secret" for headers in collector.headers)
    spans, figures, resources = list[Any](), set[str](), list[Any]()
    for path, request in collector.came:
        parts = request.resource_spans if path == "/v1/traces" else request.resource_metrics
        for part in parts:
            resources.append({item.key: item.value.string_value for item in part.resource.attributes})
            for scope in part.scope_spans if path == "/v1/traces" else ():
                spans += scope.spans
            for scope in part.scope_metrics if path == "/v1/metrics" else ():
                figures |= {metric.name for metric in scope.metrics}
    assert {"service.name": "stripe-mcp", "service.version": __version__}.items() <= resources[0].items()
    names = [span.name for span in spans]
    assert {"tools/call get_balance", "GET /v1/balance", "POST /v1/customers", "tools/call"} <= set(names)
    asked, sent = (spans[names.index(name)] for name in ("tools/call get_balance", "GET /v1/balance"))
    assert (sent.trace_id, sent.parent_span_id) == (asked.trace_id, asked.span_id)
    assert {"stripe_mcp.calls", "stripe_mcp.call.duration", "stripe_mcp.stripe.requests"} <= figures
    assert b"canary" not in collector.bytes


def test_the_name_of_the_service_can_be_given(collector: Collector) -> None:
    serve(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.address}/v1/traces",
        OTEL_SERVICE_NAME="desk",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=staging",
    )
    assert {path for path, _ in collector.came} == {"/v1/traces"}
    resource = collector.came[0][1].resource_spans[0].resource
    named = {item.key: item.value.string_value for item in resource.attributes}
    assert (named["service.name"], named["deployment.environment.name"]) == ("desk", "staging")
    assert named["telemetry.sdk.language"] == "python"


def test_figures_can_be_all_that_is_sent(collector: Collector) -> None:
    serve(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{collector.address}/v1/metrics")
    assert {path for path, _ in collector.came} == {"/v1/metrics"}


@contextmanager
def nobody() -> Iterator[int]:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def a_collector_that_never_answers() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("away", [nobody, a_collector_that_never_answers])
def test_a_collector_that_is_away_holds_up_neither_calls_nor_the_end(away: Any) -> None:
    with away() as port:
        seconds, log = serve(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://name:secret@127.0.0.1:{port}")
    assert seconds < 2
    assert "Traceback" not in log
    assert "secret" not in log


def test_without_a_collector_nothing_is_loaded() -> None:
    code = (
        "import sys; from stripe_mcp.exporting import start_telemetry; start_telemetry(()).shutdown();"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "opentelemetry.sdk" not in loaded


@pytest.mark.parametrize("signal", ["traces", "metrics"])
@pytest.mark.parametrize("missing", ["opentelemetry.sdk.resources", "opentelemetry.exporter"])
def test_without_the_extra_one_line_says_how_to_install_it(
    missing: str, signal: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    start_telemetry([signal]).shutdown()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "pip install 'stripe-mcp[telemetry]'" in record.getMessage()


@pytest.mark.parametrize(
    ("signal", "variable", "value", "error"),
    [
        ("traces", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "66666", "ValueError"),
        ("metrics", "OTEL_METRIC_EXPORT_INTERVAL", "0", "ValueError"),
        ("traces", "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "secret", "RuntimeError"),
        ("metrics", "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "secret", "RuntimeError"),
    ],
)
def test_a_variable_that_is_wrong_turns_telemetry_off_and_is_not_repeated(
    signal: str,
    variable: str,
    value: str,
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(variable, value)
    start_telemetry([signal]).shutdown()
    assert [record.getMessage() for record in caplog.records] == [
        f"Telemetry is off: an OTEL_ variable cannot be used ({error})"
    ]


def test_what_goes_wrong_at_the_end_stops_nothing() -> None:
    ended = list[str]()

    def fail() -> None:
        ended.append("fail")
        raise RuntimeError

    Telemetry([fail, lambda: ended.append("other")]).shutdown()
    assert set(ended) == {"fail", "other"}


BOTH = {"traces", "metrics"}


@pytest.mark.parametrize(
    ("variables", "signals"),
    [
        ({}, set()),
        ({"OTEL_SERVICE_NAME": "desk"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, BOTH),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, {"traces"}),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, {"metrics"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, {"metrics"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "None"}, {"traces"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_METRICS_EXPORTER": "otlp"}, BOTH),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "True"}, set()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "false"}, BOTH),
    ],
)
def test_the_standard_variables_say_what_is_sent(variables: dict[str, str], signals: set[str]) -> None:
    assert telemetry_signals(variables) == signals
