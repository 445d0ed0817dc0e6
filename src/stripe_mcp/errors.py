"""
What can go wrong, sorted by who can act on it.

    StripeMCPError
    ├── ConfigurationError      the person who starts the server; the command exits with 2
    └── ToolError               the model that called a tool; becomes a result with isError
        ├── InvalidArguments    the arguments break a rule of the tool; nothing was sent
        ├── NotConnected        the server has no key; nothing was sent
        ├── NoAnswer            Stripe gave no usable answer, and nothing was changed
        ├── StripeError         Stripe refused; nothing was changed
        ├── Refused             this server refuses, by its own rules; nothing was sent
        ├── LedgerUnavailable   what is to be written cannot be recorded; nothing was sent
        └── OutcomeUnknown      a write went out, and no answer says what became of it

The text of a `ToolError` is written for a model: what happened, whether anything was changed, what to
do next; what to do about a `StripeError` is said by `advice`. No text ever holds more of a key than
its last four characters.
"""

import re
from dataclasses import dataclass, field

# sk secret, rk restricted, pk publishable, ek ephemeral, whsec webhook: https://docs.stripe.com/keys
_KEY = re.compile(
    r"(?<![A-Za-z])(sk|rk|pk|ek|rkcs|whsec)_(?!\.)[A-Za-z0-9_*]*?([A-Za-z0-9]{0,4})(?![A-Za-z0-9_*])"
)


def redact(text: str) -> str:
    """
    Shorten everything in *text* that looks like a Stripe key to its kind and last four characters.
    """
    return _KEY.sub(r"\1_...\2", text)


class StripeMCPError(Exception):
    """
    The root of all errors that this package raises on purpose.
    """


class ConfigurationError(StripeMCPError):
    """
    The server cannot start as it was told to.
    """


class ToolError(StripeMCPError):
    """
    A tool call failed in a way that the model can read and act on.
    """


class InvalidArguments(ToolError):
    """
    The arguments do not fit the tool. Nothing was sent to Stripe.
    """

    def __init__(self, problems: list[str]) -> None:
        listed = "".join(f"\n- {problem}" for problem in problems)
        super().__init__(f"Invalid arguments, nothing was sent to Stripe:{listed}")
        self.problems = problems


class NotConnected(ToolError):
    """
    The server was started without a key.
    """

    def __init__(self) -> None:
        super().__init__(
            "This server is not connected to a Stripe account, so nothing was sent. Tell the user: set "
            "STRIPE_SECRET_KEY (best a restricted key, rk_test_... or rk_live_...) in the MCP client's "
            "configuration of this server and restart it; `stripe-mcp check` then tests the key. "
            "`stripe-mcp --simulator` needs no key."
        )


class NoAnswer(ToolError):
    """
    Stripe was not reached, or a read got no usable answer. Nothing was changed.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} Nothing was changed. Calling again later is safe.")
        self.reason = reason


class Refused(ToolError):
    """
    The rules of this server do not allow the call, or a person did not. Nothing was sent.

    *why* is one of a few words, for the audit; the text says to the model what to do.
    """

    def __init__(self, why: str, text: str) -> None:
        super().__init__(f"Refused, nothing was done: {text}")
        self.why = why


class LedgerUnavailable(ToolError):
    """
    The database of writes cannot be used. Nothing was sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The ledger of writes cannot be used ({redact(reason)}), so nothing was sent: what cannot be "
            "recorded is not done. Reading works. Tell the user; calling again later is safe."
        )
        self.reason = reason


class OutcomeUnknown(ToolError):
    """
    A write may have reached Stripe, and no answer says what became of it.

    *stored*: the answer is one that Stripe keeps, so that asking again tells no more.
    """

    def __init__(
        self, reason: str, idempotency_key: str | None, operation: str | None = None, *, stored: bool = False
    ) -> None:
        key = f" Idempotency key: {idempotency_key}." if idempotency_key else ""
        named = f" Operation: {operation}." if operation else ""
        next_step = (
            f"Calling again sends nothing. A person can run `stripe-mcp operations reconcile {operation}`."
            if stored
            else "Call this tool again with the same arguments: that cannot do it twice, and clears it up."
        )
        super().__init__(
            f"OUTCOME UNKNOWN: {reason} Stripe may or may not have carried this out, so report neither "
            f"success nor failure. {next_step}{key}{named}"
        )
        self.reason = reason
        self.stored = stored


@dataclass
class StripeError(ToolError):
    """
    Stripe answered with an error: https://docs.stripe.com/api/errors.

    *retry_after* is in seconds. *rate_limit* is Stripe's `Stripe-Rate-Limited-Reason`.
    """

    status: int
    type: str | None = None
    code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    param: str | None = None
    message: str | None = field(default=None, repr=False)  # Stripe may repeat in it what was sent
    doc_url: str | None = None
    request_id: str | None = None
    rate_limit: str | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        what = ", ".join(part for part in (self.type, self.code, self.decline_code) if part)
        said = self.message or "Stripe gave no message."
        facts = {
            "param": self.param,
            "limit": self.rate_limit,
            "request": self.request_id,
            "docs": self.doc_url,
        }
        lines = [
            f"Stripe answered {self.status}{f' ({what})' if what else ''}: {said}",
            *(f"{name}: {value}" for name, value in facts.items() if value),
            "Nothing was changed.",
        ]
        return redact("\n".join(lines))

    @property
    def reason(self) -> str:
        """
        The answer in a few words, without advice.
        """
        return redact(f"Stripe answered {self.status} (request: {self.request_id or 'without an id'}).")
