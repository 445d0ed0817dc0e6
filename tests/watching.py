"""
A collector in memory, which sees what a real one would. OpenTelemetry allows one in a process.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from stripe_mcp.cleaning import Cleaning


class Watch(SpanExporter):
    """
    *spans* in the order of their ends, and figures, both since it began to watch.
    """

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []
        self._watching = False
        self._reader = InMemoryMetricReader()
        self._before: dict[tuple[str, str], float] = {}
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(Cleaning(self)))
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(MeterProvider([self._reader]))

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Keep *spans* while somebody watches.
        """
        self.spans += spans if self._watching else ()
        return SpanExportResult.SUCCESS

    @contextmanager
    def watching(self) -> Iterator["Watch"]:
        """
        Watch from now on, while the context lasts.
        """
        self._watching, self._before = True, self._counted()
        try:
            yield self
        finally:
            self._watching = False
            self.spans.clear()

    def span(self, name: str) -> ReadableSpan:
        """
        The one span of that *name*.
        """
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def counted(self, name: str) -> dict[str, float]:
        """
        What the figure *name* has come to, by its labels: of a histogram, how often.
        """
        grown = {key: value - self._before.get(key, 0) for key, value in self._counted().items()}
        return {labels: value for (figure, labels), value in grown.items() if figure == name and value}

    def everything(self) -> str:
        """
        All that left, as text.
        """
        data = self._reader.get_metrics_data()
        return " ".join([*(span.to_json() for span in self.spans), data.to_json() if data else ""])

    def _counted(self) -> dict[tuple[str, str], float]:
        data = self._reader.get_metrics_data()
        return {
            (metric.name, _labels(point.attributes)): getattr(point, "count", getattr(point, "value", 0))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }


def _labels(attributes: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(attributes or {}), sort_keys=True)[1:-1].replace('"', "")


@cache
def watch() -> Watch:
    """
    The one there is.
    """
    return Watch()
