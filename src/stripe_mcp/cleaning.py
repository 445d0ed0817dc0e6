"""
What of a span may leave the process. Loaded only where spans are collected.

The rule: what leaves is written by this server. Our own spans go out as they are, those of the MCP SDK
without whatever a caller wrote in them, and nobody else's at all.
"""

from collections.abc import Mapping, Sequence

from mcp_types.methods import SPEC_CLIENT_METHODS, SPEC_CLIENT_NOTIFICATION_METHODS
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, Status
from opentelemetry.util.types import AttributeValue

from stripe_mcp.telemetry import SCOPE

_SDK = "mcp-python-sdk"
_FAILED = "rpc.response.status_code"
_WRITTEN_HERE = ("error.type", _FAILED, "gen_ai.operation.name", "stripe_mcp.outcome", "stripe_mcp.error")
_NAMED_BY_CALLERS = ("gen_ai.tool.name", "gen_ai.prompt.name")
_CLOSED_LISTS = {
    "mcp.method.name": {*SPEC_CLIENT_METHODS, *SPEC_CLIENT_NOTIFICATION_METHODS, "elicitation/create"},
    "mcp.protocol.version": {*KNOWN_PROTOCOL_VERSIONS},
}


class Cleaning(SpanExporter):
    """
    Hands to *exporter* only what may leave.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Export what may leave of *spans*.
        """
        cleaned = [clean(span) for span in spans if _scope(span) in (SCOPE, _SDK)]
        return self._exporter.export(cleaned) if cleaned else SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """
        Shut down the exporter.
        """
        self._exporter.shutdown()


def clean(span: ReadableSpan) -> ReadableSpan:
    """
    *span* without what a caller wrote: of the SDK's, that is the text of errors, ids of messages, and names
    of tools and methods that there are not.
    """
    ours, context = _scope(span) == SCOPE, span.get_span_context()
    attributes = dict(span.attributes or {}) if ours else _known(span.attributes or {})
    return ReadableSpan(
        name=span.name if ours else _name(attributes),
        context=_without_state(context) if context else None,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=span.events if ours else (),
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _scope(span: ReadableSpan) -> str | None:
    return span.instrumentation_scope.name if span.instrumentation_scope else None


def _without_state(context: SpanContext) -> SpanContext:
    """
    *context* without the `tracestate` that came with a call.
    """
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _known(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    """
    Those of *attributes* whose values are words of this server's.
    """
    # A call that ends in a protocol error may have named what there is not.
    written_here = _WRITTEN_HERE if _FAILED in attributes else (*_WRITTEN_HERE, *_NAMED_BY_CALLERS)
    return {
        name: value
        for name, value in attributes.items()
        if name in written_here or value in _CLOSED_LISTS.get(name, ())
    }


def _name(attributes: Mapping[str, AttributeValue]) -> str:
    words = ("mcp.method.name", *_NAMED_BY_CALLERS)
    return " ".join(str(attributes[word]) for word in words if word in attributes) or "unknown"
