"""
Whether a person wants what a call is about to do: asked by the client, or in a terminal of their own.

Rule: consent comes from a person and never from the model's words. It is for one call, its arguments
and the facts as they were read; it is used once, and within ten minutes.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from stripe_mcp.errors import Refused
from stripe_mcp.safety.question import Question, consents

LASTS = 600  # seconds that a question may wait for its answer


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came back from a person's client: accept, decline or cancel, and the form as it was filled in.
    """

    action: str
    content: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A question that was put: what it was about, and its own number, which is good for one answer.
    """

    number: str
    principal: str
    account: str
    mode: str
    facts: str

    def seal(self) -> str:
        """
        The state that goes out with the question and comes back with the answer.
        """
        return json.dumps({name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def unseal(cls, state: str) -> "Asked":
        """
        The question that *state* is of; the server's boundary has made sure that it is one of ours.
        """
        return cls(**json.loads(state))


def asking(principal: str, account: str, mode: str, facts: str) -> Asked:
    """
    A question about *facts* that has not been put before.
    """
    return Asked(secrets.token_hex(16), principal, account, mode, facts)


class Person(Protocol):
    """
    Who sits at the client. *brought* is the state of a question and its answer, if the call came with one.
    """

    @property
    def can_be_asked(self) -> bool: ...

    @property
    def brought(self) -> tuple[str, Answer] | None: ...

    async def ask(self, question: Question, state: str) -> Answer:
        """
        Put *question* to the person. Where the protocol has the client call again with the answer, this
        ends the call by an exception that the server knows.
        """


def check_answer(asked: Asked, now: Asked, question: Question, answer: Answer) -> None:
    """
    Hold *answer*, to a question that was *asked*, to what would be asked *now*.

    Raises:
        Refused: It is no consent, or not to this.
    """
    if (asked.principal, asked.account, asked.mode) != (now.principal, now.account, now.mode):
        raise Refused("consent", "this answer belongs to another caller or account. Call again without it.")
    if reason := consents(question, answer.action, answer.content):
        raise Refused("consent", reason)
    if asked.facts != now.facts:
        raise Refused("changed", "what the person agreed to has changed meanwhile. Call again to ask anew.")


@dataclass(frozen=True, slots=True)
class Caller:
    """
    Who calls: the *principal* whose operations these are, the name of the *client*, and the person at it.
    """

    principal: str
    client: str | None
    person: Person
