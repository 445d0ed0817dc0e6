"""
One call, from its arguments to what answers it: tools and resources take the same road.

House arguments are added to the schemas and taken out of the calls here, and nowhere else: the
catalog knows none of them.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from stripe_mcp.accounts import Accounts
from stripe_mcp.catalog import Catalog, Template
from stripe_mcp.errors import (
    ConfigurationError,
    InvalidArguments,
    NoAnswer,
    OutcomeUnknown,
    Refused,
    StripeError,
    ToolError,
)
from stripe_mcp.output import is_readable
from stripe_mcp.pii import mask
from stripe_mcp.request import build_request
from stripe_mcp.results import Answered, Content, Presenter, TooManyRows
from stripe_mcp.road import Road
from stripe_mcp.safety.consent import Caller
from stripe_mcp.safety.identity import Identity
from stripe_mcp.safety.mismatch import warnings
from stripe_mcp.settings import Settings

if TYPE_CHECKING:
    from stripe_mcp.safety.ledger import Ledger
    from stripe_mcp.transport import Reply, Transport

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "detail": {"type": "string", "enum": ["full"]},
    "repeat_of": {"type": "string"},
    "verification": {"type": "string"},
}


_FORMS = {"repeat_of": re.compile("op_[0-9a-z_]{1,64}"), "verification": re.compile("[ -~]{1,2000}")}
_TOLD = {
    "repeat_of": "must be the id of an operation, like op_0123456789abcdef, or be left out",
    "verification": "must be what verify_identity gave",
}
_MARK = "stripe_mcp_operation"


class Calls:
    """
    Carries out calls of the tools in *catalog* as *settings* want them; *connect* opens the road to Stripe,
    None means there is no key.
    """

    def __init__(
        self, catalog: Catalog, settings: Settings, connect: "Callable[[], Transport] | None"
    ) -> None:
        self.catalog = catalog
        self.settings = settings
        self.road = Road(connect)
        self.identity = Identity(settings.rules, [key.encode() for key in settings.state_keys])
        self.accounts = Accounts(settings)
        self._presenter = Presenter(catalog.objects, settings.max_result_chars, settings.redact_pii)
        self._ledger: Ledger | None = None
        self._opening = anyio.Lock()

    def input_schema(self, template: Template) -> dict[str, Any]:
        """
        The schema of all arguments that the tool of *template* takes.

        Raises:
            ConfigurationError: The template has an argument that is called like one of ours.
        """
        own: dict[str, Any] = template.input["properties"]
        house = {name: _ARGUMENTS[name] for name in self._house(template)}
        if taken := house.keys() & own.keys():
            raise ConfigurationError(f"{template.name}: {min(taken)} is an argument of the server's own")
        schema = template.input | {"properties": own | house}
        if "verification" in house:
            schema["required"] = [*template.input.get("required", []), "verification"]
        return schema

    def _house(self, template: Template) -> list[str]:
        if template.reads:
            return ["detail"]
        repeatable = [] if template.annotations.idempotentHint else ["repeat_of"]
        return repeatable + (["verification"] if self.identity.guards(template) else [])

    def _taken_out(self, template: Template, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """
        The template's own arguments among the *given* ones, and those of the house.
        """
        house = {name: given[name] for name in self._house(template) if name in given}
        if house.get("detail", "full") != "full":
            raise InvalidArguments(["detail: must be full, or left out"])
        for name, form in _FORMS.items():
            if name in house and not (isinstance(house[name], str) and form.fullmatch(house[name])):
                raise InvalidArguments([f"{name}: {_TOLD[name]}"])
        return {name: value for name, value in given.items() if name not in house}, house

    async def check_account(self) -> None:
        """
        Make sure that the road leads to the account that this server is pinned to, if it is.

        Raises:
            ToolError: It does not, or there is no telling.
        """
        if self.settings.rules.account:
            await self.accounts.id(self.road)

    async def read(self, template: Template, given: dict[str, Any]) -> Answered:
        """
        Read what *template* reads with the *given* arguments, and show it.

        Raises:
            ToolError: It could not be read.
        """
        await self.check_account()
        while True:
            arguments, house = self._taken_out(template, given)
            self.identity.check_search(template, arguments)
            reply = await self.road.send(build_request(template, arguments))
            try:
                content = self._show(template, given, reply, detailed="detail" in house)
                return Answered(content, warnings(template, arguments, reply.body, self.settings.mode))
            except TooManyRows as page:
                given = given | {"limit": page.limit}

    async def call(self, template: Template, given: dict[str, Any], caller: Caller) -> Answered:
        """
        Carry out a call of *template* with the *given* arguments by *caller*.

        Raises:
            ToolError: It could not be carried out, or what became of it is unknown.
        """
        if template.reads:
            return await self.read(template, given)
        arguments, house = self._taken_out(template, given)
        request = build_request(template, arguments)  # what is wrong is told before anything is asked
        if _MARK in (arguments.get("metadata") or ()):
            raise InvalidArguments([f"metadata.{_MARK}: is the server's own, leave it out"])
        account, ledger = await self._account(template.name, caller), await self._opened()
        from stripe_mcp.sending import Sending  # imported late, as the ledger is: SQLAlchemy comes with them
        from stripe_mcp.writes import Writing

        sending = Sending(
            template=template,
            arguments=arguments,
            mode=self.settings.mode,
            ledger=ledger,
            road=self.road,
            show=lambda reply: self._show(template, given, reply),
            explain=lambda error: self.explain(error, template),
        )
        writing = Writing(
            template=template,
            arguments=arguments,
            request=request,
            repeat_of=house.get("repeat_of"),
            verification=house.get("verification"),
            caller=caller,
            account=account,
            key=self.accounts.key,
            settings=self.settings,
            identity=self.identity,
            ledger=ledger,
            sending=sending,
            hide=self._hide,
        )
        return await writing.carry_out()

    async def verify(self, given: dict[str, Any], caller: Caller) -> Content:
        """
        Compare what a customer says of themselves with what Stripe has.

        Raises:
            ToolError: It does not fit, or could not be compared.
        """
        tool = "verify_identity"
        account, ledger = await self._account(tool, caller), await self._opened()
        whose = {"principal": caller.principal, "account": account, "mode": self.settings.mode}
        try:
            return await self.identity.verify(given, **whose, store=ledger.store, read=self.road.read)
        except Refused as error:
            who = {"tool": tool, "client": caller.client, "customer": given.get("customer_id")}
            await ledger.note("refused", **whose, **who, why=error.why, said=str(error))
            raise

    async def _account(self, tool: str, caller: Caller) -> str:
        """
        The account that the road leads to; that it is the wrong one is put on record.
        """
        try:
            return await self.accounts.id(self.road)
        except Refused as error:
            ledger, mode = await self._opened(), self.settings.mode
            who = {"principal": caller.principal, "mode": mode, "tool": tool, "client": caller.client}
            await ledger.note("refused", **who, why=error.why, said=str(error))
            raise

    def _hide(self, content: Content) -> Content:
        """
        *content*, which was shown before, with what is to be masked now.
        """
        content = self.identity.mask(content)
        return mask(content) if self.settings.redact_pii else content

    def explain(self, error: ToolError, template: Template | None) -> str:
        """
        What went wrong in a call of *template*, and what to do about it.
        """
        text = str(error)
        if isinstance(error, StripeError):
            from stripe_mcp.advice import advise  # imported late: it comes with data that only refusals need

            text = advise(error, template, self.settings.mode)
        return mask(text) if self.settings.redact_pii else text

    async def aclose(self) -> None:
        """
        Close what was opened of the road and the ledger.
        """
        await self.road.aclose()
        if self._ledger:
            self._ledger.store.close()
            self._ledger = None

    def _show(
        self, template: Template, given: dict[str, Any], reply: "Reply", *, detailed: bool = False
    ) -> Content:
        if not is_readable(template, self.catalog.objects, reply.body):
            unclear = "Stripe's answer could not be read."
            raise NoAnswer(unclear) if template.reads else OutcomeUnknown(unclear, reply.idempotency_key)
        body = self.identity.mask(reply.body)
        return self._presenter.present(body, given, "full" if detailed else "lean")

    async def _opened(self) -> "Ledger":
        """
        The ledger, opened at the first write: in a thread, as it takes half a second to load.
        """
        async with self._opening:
            if self._ledger is None:
                self._ledger = await anyio.to_thread.run_sync(self._open)
            return self._ledger

    def _open(self) -> "Ledger":
        import stripe_mcp.writes  # noqa: F401 - loaded here, in the thread
        from stripe_mcp.safety.ledger import Ledger
        from stripe_mcp.safety.store import Store

        return Ledger(Store(self.settings.database), self.settings.rules.repeat_seconds)
