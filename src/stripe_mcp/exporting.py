"""
Send spans and figures to a collector by OTLP over HTTP, as the OpenTelemetry variables of the environment
say. The packages for it are the extra `telemetry`, and are loaded only here, once a collector is named.

The rule: a collector that is away, or a variable that is wrong, holds up nothing and stops nothing.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from stripe_mcp import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_FLUSH = 1  # second for what is still to be sent at the end; a client kills the server after two

log = logging.getLogger(__name__)


class Telemetry:
    """
    What was started, and *ends* with it.
    """

    def __init__(self, ends: Sequence[Callable[[], object]]) -> None:
        self._ends = ends

    def shutdown(self) -> None:
        """
        Send what is still to be sent, for a second at most. It never raises.
        """
        threads = [threading.Thread(target=_quietly, args=(end,), daemon=True) for end in self._ends]
        give_up_at = monotonic() + _FLUSH
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, give_up_at - monotonic()))


def _quietly(end: Callable[[], object]) -> None:
    with suppress(Exception):
        end()


def start_telemetry(signals: Collection[str]) -> Telemetry:
    """
    Send those of `traces` and `metrics` that are among *signals* from now on. It never raises.
    """
    ends: list[Callable[[], object]] = []
    try:
        for signal in signals:
            ends.append(_STARTS[signal](_resource()))  # noqa: PERF401 - what has started is to end
    except ImportError:
        log.warning("A collector is named, but nothing to reach it: pip install 'stripe-mcp[telemetry]'")
    except (OSError, RuntimeError, ValueError) as error:  # their texts may repeat a header with a token
        log.warning("Telemetry is off: an OTEL_ variable cannot be used (%s)", type(error).__name__)
    return Telemetry(ends)


def _resource() -> "Resource":
    """
    Who we are, as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have it and otherwise by our own name.
    """
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource.create({"service.name": "stripe-mcp", "service.version": __version__})
    return ours.merge(OTELResourceDetector().detect())


def _start_traces(resource: "Resource") -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from stripe_mcp.cleaning import Cleaning

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Cleaning(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _start_metrics(resource: "Resource") -> Callable[[], object]:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider.shutdown


_STARTS = {"traces": _start_traces, "metrics": _start_metrics}
