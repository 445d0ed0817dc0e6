"""
Is the caller on the phone the customer? What they say is compared here, and the model never sees the answer.

Rule: while this is on, a call that costs or changes something takes a handle, which the right answer gets
for one customer, one principal and fifteen minutes. A wrong answer tells no more than that: wrong, unknown,
deleted and locked have one text and the same requests.
"""

import re
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stripe_mcp.arguments import find_problems
from stripe_mcp.catalog import Endpoint, Template
from stripe_mcp.errors import InvalidArguments, Refused, StripeError, ToolError
from stripe_mcp.request import StripeRequest
from stripe_mcp.rules import Rules
from stripe_mcp.safety.factors import FACTORS, asks_for, conceal, find_all, fits
from stripe_mcp.safety.handles import Claims, Handles
from stripe_mcp.safety.looking import Read
from stripe_mcp.safety.operations import Write

if TYPE_CHECKING:
    from stripe_mcp.safety.store import Store

_NAME = "verify_identity"
_LASTS = 900  # seconds that a handle is good for

# Who changes these, changes what an identity is proven with.
_PROOF = re.compile(r"/v1/(customers|payment_methods)/\{\w+\}(/.*)?")

_CUSTOMER = "/v1/customers/{customer_id}"
_PAYMENT_METHODS = f"{_CUSTOMER}/payment_methods"

_DESCRIPTION = """
Check that the caller is the customer. Pass only what the caller has just said, never a guess.
The verification it returns lasts 15 minutes, for this customer.
After three wrong tries the customer is locked for an hour."""
_OUTPUT = {
    "type": "object",
    "required": ["verified", "customer", "verification", "expires"],
    "properties": {
        "verified": {"type": "boolean"},
        "customer": {"type": "string"},
        "verification": {"type": "string"},
        "expires": {"type": "string", "format": "date-time"},
    },
}
# It reads at Stripe, and still is no mere reading: a try is spent, and the third one locks.
_HINTS = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False, "openWorldHint": True}

_NOT_VERIFIED = (
    "the caller is not verified. What they said does not fit, or there were too many tries; which of the two "
    "is never told. Ask them once more and pass what they say, never a guess. If that fails too, tell them "
    "that they can try again in an hour, or that somebody else has to help."
)
_NO_VERIFICATION = (
    "this takes a verified caller, and the verification is missing, over or not valid here. Ask the caller "
    "for {}, and call verify_identity with what they say, never with a guess."
)
_NO_SEARCH = (
    "{} cannot search by what a caller has to know. Search by something else, such as the e-mail address, "
    "the amount or the date, and let verify_identity compare."
)


class Identity:
    """
    Verifies callers as *rules* want it. Handles are signed with the first of *keys*, and any of them counts;
    without keys, with one of this process.
    """

    def __init__(
        self, rules: Rules, keys: Sequence[bytes] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self.on = rules.verify_identity
        self._factors = rules.identity_factors
        self._handles = Handles(keys)
        self._clock = clock
        # Only what the check of arguments looks at; it is no entry of the catalog.
        self._tool = Template.model_construct(
            name=_NAME,
            request=Endpoint(method="GET", path=_PAYMENT_METHODS),
            input=self._input_schema(),
            one_of=[],
            requires={},
        )

    def tools(self) -> list[dict[str, Any]]:
        """
        The definition of the tool that this adds; none if verification is off.
        """
        tool = {
            "name": _NAME,
            "title": "Verify Identity",
            "description": _DESCRIPTION.strip(),
            "input_schema": self._tool.input,
            "output_schema": _OUTPUT,
            "annotations": _HINTS,
        }
        return [tool] if self.on else []

    def is_tool(self, name: str) -> bool:
        """
        Whether the tool *name* is the one that this adds.
        """
        return self.on and name == _NAME

    def guards(self, template: Template) -> bool:
        """
        Whether calls of *template* take a verified caller: by what it does at Stripe, whatever its name.
        """
        changes_proof = not template.reads and _PROOF.fullmatch(template.request.path) is not None
        return self.on and (template.confirm or changes_proof)

    def check(self, template: Template, handle: str | None, customer: str | None, whose: Write) -> None:
        """
        Hold a call of *template*, about something of *customer*'s, to the *handle* that came with it.

        Raises:
            Refused: It takes a verified caller, and there is none, or it is another one.
        """
        if not self.guards(template):
            return
        claims = self._handles.open(handle) if handle else None
        if claims is None or not self._stands(claims, whose):
            factors = " or ".join(sorted(self._factors))
            raise Refused("identity", _NO_VERIFICATION.format(factors))
        if customer is None:
            raise Refused("identity", "this belongs to no customer, so no caller can be verified for it.")
        if customer != claims.customer:
            raise Refused("identity", "this belongs to another customer than the one who was verified.")

    def _stands(self, claims: Claims, whose: Write) -> bool:
        same = (claims.principal, claims.account, claims.mode) == (whose.principal, whose.account, whose.mode)
        return same and self._clock() < claims.expires

    async def verify(
        self,
        arguments: dict[str, Any],
        principal: str,
        account: str,
        mode: str,
        store: "Store",
        read: Read,
    ) -> dict[str, Any]:
        """
        Compare what a caller says with what *read* finds at Stripe, and return the handle that this gets.

        Raises:
            InvalidArguments: The arguments are none of the tool's.
            Refused: It does not fit, or the customer or the principal is locked.
            ToolError: Nothing was compared.
        """
        self._check_arguments(arguments)
        from stripe_mcp.safety import tries  # imported late: it comes with SQLAlchemy, as the store does

        customer, now = arguments["customer_id"], self._clock()
        of_try = tries.Try(secrets.token_hex(8), principal, account, customer, now)
        may_guess = await store.run(tries.begin, of_try)
        try:
            on_file = await _read_on_file(customer, read)
        except ToolError:
            await store.run(tries.drop, of_try)
            raise
        if not (self._fits(arguments, on_file) and may_guess):
            raise Refused("identity", _NOT_VERIFIED)
        await store.run(tries.drop, of_try)
        expires = int(now) + _LASTS
        return self._verified(
            Claims(customer=customer, principal=principal, account=account, mode=mode, expires=expires)
        )

    def _fits(self, arguments: dict[str, Any], on_file: list[dict[str, Any]]) -> bool:
        said = {name: arguments[name] for name in self._factors if name in arguments}
        right = [fits(text, list(find_all(name, on_file))) for name, text in said.items()]
        return all(right)

    def _verified(self, claims: Claims) -> dict[str, Any]:
        return {
            "verified": True,
            "customer": claims.customer,
            "verification": self._handles.sign(claims),
            "expires": datetime.fromtimestamp(claims.expires, UTC).isoformat(),
        }

    def mask(self, body: Any) -> Any:
        """
        A copy of Stripe's *body* without what a caller has to know; *body* itself if verification is off.
        """
        return conceal(self._factors, body) if self.on else body

    def check_search(self, template: Template, arguments: dict[str, Any]) -> None:
        """
        Hold a reading call to what may be searched by.

        Raises:
            Refused: A search or a filter would tell what a caller has to know.
        """
        if self.on and asks_for(self._factors, arguments):
            raise Refused("identity", _NO_SEARCH.format(template.name))

    def _check_arguments(self, arguments: dict[str, Any]) -> None:
        problems = find_problems(self._tool, arguments)
        if not problems and not self._factors & arguments.keys():
            problems = [f"give at least one of {', '.join(sorted(self._factors))}"]
        if problems:
            raise InvalidArguments(problems)

    def _input_schema(self) -> dict[str, Any]:
        factors = {name: FACTORS[name].schema for name in sorted(self._factors)}
        return {
            "type": "object",
            "required": ["customer_id", *(factors if len(factors) == 1 else ())],
            "properties": {"customer_id": {"type": "string", "pattern": r"^cus_\w{1,250}$"}, **factors},
            "additionalProperties": False,
        }


async def _read_on_file(customer: str, read: Read) -> list[dict[str, Any]]:
    """
    What Stripe has of *customer*; nothing if there is no such customer, which takes as many requests.

    Raises:
        ToolError: There is no telling.
    """
    found = [await _read_if_there(route, customer, read) for route in (_CUSTOMER, _PAYMENT_METHODS)]
    is_there = found[0].get("id") == customer and not found[0].get("deleted")
    return found if is_there else []


async def _read_if_there(route: str, customer: str, read: Read) -> dict[str, Any]:
    query = "limit=100" if route == _PAYMENT_METHODS else ""
    try:
        return await read(StripeRequest("GET", route, route.format(customer_id=customer), query))
    except StripeError as error:
        if error.status == 404 or error.code == "resource_missing":
            return {}
        raise
