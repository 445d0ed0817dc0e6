"""
What can be seen of the server from outside: one span for each request to Stripe, and figures of all calls.

The rule: of what a caller or Stripe says, only words from a closed list get out. No span, event or figure
holds an argument, a result, an id of an object, a key or the text of an error. Where nothing collects them
(see `exporting`), all of this costs a few microseconds a call.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode

from stripe_mcp.errors import Refused, StripeError, redact
from stripe_mcp.request import StripeRequest

SCOPE = "stripe_mcp"

_tracer = trace.get_tracer(SCOPE)
_meter = metrics.get_meter(SCOPE)
_calls = _meter.create_counter("stripe_mcp.calls", description="Calls of tools")
_duration = _meter.create_histogram("stripe_mcp.call.duration", "s", "Time until a call was answered")
_errors = _meter.create_counter("stripe_mcp.errors", description="Calls that failed, by what went wrong")
_refusals = _meter.create_counter("stripe_mcp.refusals", description="Calls that the rules refused")
_requests = _meter.create_counter("stripe_mcp.stripe.requests", description="Attempts of requests to Stripe")
_retries = _meter.create_counter("stripe_mcp.stripe.retries", description="Attempts after the first")
_waits = _meter.create_histogram("stripe_mcp.rate_limit.wait", "s", "Waits for a place within rate limits")
_open = _meter.create_gauge("stripe_mcp.operations.open", description="Writes of unknown outcome")

_OUTCOMES = {
    "Refused": "refused",
    "OutcomeUnknown": "unknown",
    "Asking": "asked",
    "MCPError": "protocol_error",
}
_WORD = re.compile(r"[a-z_]{1,64}")  # as all codes of Stripe's are: https://docs.stripe.com/error-codes
_REQUEST_ID = re.compile(r"req_[A-Za-z0-9]{1,64}")


@contextmanager
def measured(tool: str) -> Iterator[None]:
    """
    Count the call of *tool* that is carried out within; its errors pass through.

    *tool* is the name of one that there is, or `unknown`: what a caller makes up is no label.
    """
    outcome, started = "cancelled", perf_counter()
    try:
        yield
        outcome = "ok"
    except Exception as error:
        outcome = _OUTCOMES.get(type(error).__name__, "error")
        _count_failure(error, outcome)
        raise
    finally:
        about = {"tool": tool, "outcome": outcome}
        _calls.add(1, about)
        _duration.record(perf_counter() - started, about)
        trace.get_current_span().set_attribute("stripe_mcp.outcome", outcome)


def _count_failure(error: Exception, outcome: str) -> None:
    if isinstance(error, Refused):
        _refusals.add(1, {"why": error.why})
    elif outcome in ("error", "unknown"):
        kind = error_type(error)
        _errors.add(1, {"error.type": kind})
        trace.get_current_span().set_attribute("stripe_mcp.error", kind)


def error_type(error: Exception) -> str:
    """
    *error* in one word: Stripe's most exact one, else the name of its class.
    """
    if not isinstance(error, StripeError):
        return type(error).__name__
    words = (error.decline_code, error.code, error.type)
    said = (word for word in words if word and _WORD.fullmatch(word) and redact(word) == word)
    return next(said, str(error.status))


@contextmanager
def stripe_span(request: StripeRequest, host: str) -> Iterator[None]:
    """
    The span of *request* to *host* with all its attempts; what is raised within passes through.
    """
    about = {"http.request.method": request.method, "url.template": request.route, "server.address": host}
    span = _tracer.start_span(f"{request.method} {request.route}", kind=SpanKind.CLIENT, attributes=about)
    if not span.is_recording():
        yield
        return
    # The text of an error may hold anything, so it is kept off the span.
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", error_type(error))
            span.set_status(StatusCode.ERROR)
            raise


def count_attempt(request: StripeRequest, number: int, status: int | str, request_id: str | None) -> None:
    """
    Count the attempt of that *number*; *status* is Stripe's, or the name of what the network raised.
    """
    about = {"method": request.method, "route": request.route}
    _requests.add(1, about | {"status": str(status)})
    if number > 1:
        _retries.add(1, about)
    if not (span := trace.get_current_span()).is_recording():
        return
    seen: dict[str, str | int] = {"http.request.resend_count": number - 1}
    seen |= {"http.response.status_code": status} if isinstance(status, int) else {"error.type": status}
    if request_id and _REQUEST_ID.fullmatch(request_id):
        seen["stripe.request_id"] = request_id
    span.add_event("attempt", seen)
    span.set_attributes({name: value for name, value in seen.items() if name != "error.type"})


def count_wait(seconds: float, reason: str) -> None:
    """
    Count a wait for rate limits; *reason* is `rates`, our own count of them, or `retry_after`, Stripe's word.
    """
    _waits.record(seconds, {"reason": reason})


def observe_open(tenant: str, count: int) -> None:
    """
    Say how many writes of *tenant* have an outcome that nobody knows, as the ledger has it now.
    """
    _open.set(count, {"tenant": tenant})
