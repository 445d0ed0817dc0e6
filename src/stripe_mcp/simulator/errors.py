"""
Stripe's refusals: status, type, code, message and parameter, in Stripe's JSON shape.

Rule: everything the simulator refuses is a `StripeError`, raised where it is
found and turned into an answer in one place, by the app. Codes and statuses are
those of https://docs.stripe.com/error-codes and https://docs.stripe.com/api/errors.
"""

from __future__ import annotations

from typing import Any


class StripeError(Exception):
    """
    One refusal of the simulated Stripe.

    *executed* says whether the request had passed its checks: only then does an
    idempotency key keep the answer (https://docs.stripe.com/api/idempotent_requests).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.executed = executed
        self.more = more

    def body(self, request_id: str) -> dict[str, Any]:
        """
        The `{"error": {...}}` that goes out, without the fields that have nothing to say.
        """
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://docs.stripe.com/error-codes#{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/workbench/logs?object={request_id}"
        return {"error": error | self.more}


class NoSuch(StripeError):
    """
    An id that names nothing: 404 in the path, 400 where a parameter names it.
    """

    def __init__(self, noun: str, object_id: str, param: str, status: int = 404) -> None:
        message = f"No such {noun}: '{object_id}'"
        super().__init__(message, status=status, code="resource_missing", param=param)
        self.object_id = object_id


def missing_parameter(param: str, message: str | None = None) -> StripeError:
    """
    A required parameter that did not come.
    """
    message = message or f"Missing required param: {param}."
    return StripeError(message, code="parameter_missing", param=param, executed=False)


def unsupported(param: str) -> StripeError:
    """
    Something that Stripe knows and the simulator does not model: said, never ignored.
    """
    message = f"The simulator does not support {param} yet; Stripe does. Nothing was changed."
    return StripeError(message, code="simulator_unsupported", param=param, executed=False)
