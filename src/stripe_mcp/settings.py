"""
What the person who starts the server decides. The only reader of the environment.

A key comes from the environment or a private file, never from the command line, where every
program of the machine could read it. A live key goes to Stripe and to nobody else.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, TypedDict

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.private_files import read_private
from stripe_mcp.rules import Rules

Mode = Literal["LIVE", "TEST", "SIMULATOR", "NO KEY"]

STRIPE_API_BASE = "https://api.stripe.com"
ENVIRONMENT: Mapping[str, str] = os.environ  # for who is told by a file which variables to read

# sk secret, rk restricted, rkcs claimable sandbox, sk_org organisation: https://docs.stripe.com/keys
_KEY = re.compile(r"(?:(?:sk|rk|rkcs)_(?:test|live)|sk_org)_[A-Za-z0-9_]+")
_TEST_KEY = re.compile(r"(?:sk|rk|rkcs|sk_org)_test_")
_LOOKS_LIKE_A_KEY = re.compile(r"(sk|rk|pk|ek|rkcs)_(test|live)_|sk_org_|whsec_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    *account* and *context* name whose objects are worked on (`Stripe-Account`, `Stripe-Context`);
    *deadline* is in seconds, *max_result_chars* in characters of JSON a result. *database* is where writes
    are kept (`sqlite://`: in memory), *state_keys* seal what a client hands back; without any, the process'
    own key does.
    """

    mode: Mode
    key: str | None = field(default=None, repr=False)
    account: str | None = None
    context: str | None = None
    api_base: str = STRIPE_API_BASE
    deadline: int = 50
    max_retries: int = 2
    max_result_chars: int = 25_000
    redact_pii: bool = False
    ignored_key: bool = False
    rules: Rules = field(default_factory=Rules)
    database: str = field(default="sqlite://", repr=False)
    state_keys: tuple[str, ...] = field(default=(), repr=False)

    @property
    def key_kind(self) -> str:
        """
        The kind of key in Stripe's words.
        """
        kind = (self.key or "").split("_")[:2]
        return "organisation" if "org" in kind else "secret" if "sk" in kind else "restricted"

    @property
    def banner(self) -> str:
        """
        One line that says what this server works on.
        """
        kind = self.key_kind
        match self.mode:
            case "SIMULATOR":
                ignored = "; the Stripe key in the environment is ignored" if self.ignored_key else ""
                return f"SIMULATOR, play money only{ignored}"
            case "NO KEY":
                return "no key: tools are listed, and a call says how to connect (set STRIPE_SECRET_KEY)"
            case _:
                account = f" for {self.account}" if self.account else ""
                place = "" if self.api_base == STRIPE_API_BASE else f" at {self.api_base}"
                safer = "; a restricted key would be safer" if (self.mode, kind) == ("LIVE", "secret") else ""
                return f"{self.mode}, {kind} key ...{(self.key or '')[-4:]}{account}{place}{safer}"


def own_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """
    The variables of *environment* that are ours, by their names without `STRIPE_MCP_`.
    """
    ours = "STRIPE_MCP_"
    return {name.removeprefix(ours): text for name, text in environment.items() if name.startswith(ours)}


def telemetry_signals(environment: Mapping[str, str] = os.environ) -> set[str]:
    """
    Which of `traces` and `metrics` the standard variables send to a collector:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    said = {name: text.strip() for name, text in environment.items() if name.startswith("OTEL_")}
    if said.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return set()
    return {
        signal.lower()
        for signal in ("TRACES", "METRICS")
        if said.get("OTEL_EXPORTER_OTLP_ENDPOINT") or said.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        if said.get(f"OTEL_{signal}_EXPORTER", "").lower() != "none"
    }


class _Shared(TypedDict):
    """
    The settings that the simulator has as well.
    """

    deadline: int
    max_retries: int
    max_result_chars: int
    redact_pii: bool
    database: str
    state_keys: tuple[str, ...]


def read_settings(
    environment: Mapping[str, str] = os.environ, *, simulator: bool = False, redact_pii: bool = False
) -> Settings:
    """
    Read the settings from *environment*, all but the rules; with *simulator*, no key is used.

    Raises:
        ConfigurationError: A variable is wrong; the text names it and never holds a key.
    """
    shared = _Shared(
        deadline=_number(environment, "STRIPE_MCP_DEADLINE", 50, 1, 600),
        max_retries=_number(environment, "STRIPE_MCP_MAX_RETRIES", 2, 0, 10),
        max_result_chars=_number(environment, "STRIPE_MCP_MAX_RESULT_CHARS", 25_000, 10_000, 1_000_000),
        redact_pii=redact_pii or _redacts(environment),
        database=_database(environment, simulator),
        state_keys=_state_keys(environment),
    )
    if simulator:
        ignored = any(environment.get(name) for name in ("STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE"))
        # Any test key opens the shop.
        return Settings(
            mode="SIMULATOR",
            key="sk_test_simulator",
            api_base="http://simulator",
            ignored_key=ignored,
            **shared,
        )
    key = _read_key(environment)
    context = _context(environment)
    mode: Mode = "NO KEY" if key is None else "TEST" if _TEST_KEY.match(key) else "LIVE"
    if key and key.startswith("sk_org_") and not context:
        raise ConfigurationError("An organisation key needs STRIPE_CONTEXT: the account it is to work on.")
    if mode == "LIVE" and shared["database"] == "sqlite://":
        raise ConfigurationError("STRIPE_MCP_DATABASE_URL: in live mode, writes are not to be forgotten.")
    return Settings(
        mode=mode,
        key=key,
        account=_account(environment),
        context=context,
        api_base=_api_base(environment, mode),
        **shared,
    )


def refuse_keys_in(arguments: list[str]) -> None:
    """
    Refuse a command line that holds a Stripe key, without repeating it.

    Raises:
        ConfigurationError: It does.
    """
    if any(_LOOKS_LIKE_A_KEY.search(argument) for argument in arguments):
        raise ConfigurationError(
            "A Stripe key does not belong on the command line, where other programs can read it. "
            "Set STRIPE_SECRET_KEY, or STRIPE_SECRET_KEY_FILE to the path of a private file; "
            "if the key is real, roll it in the Stripe Dashboard."
        )


def _read_key(environment: Mapping[str, str]) -> str | None:
    key = environment.get("STRIPE_SECRET_KEY", "").strip()
    file = environment.get("STRIPE_SECRET_KEY_FILE", "").strip()
    if key and file:
        raise ConfigurationError("Set STRIPE_SECRET_KEY or STRIPE_SECRET_KEY_FILE, not both.")
    if file:
        key = read_private(Path(file), "STRIPE_SECRET_KEY_FILE").strip()
        return _checked(key, "The file of STRIPE_SECRET_KEY_FILE")
    return _checked(key, "STRIPE_SECRET_KEY") if key else None


def _checked(key: str, source: str) -> str:
    if key.startswith("pk_"):
        raise ConfigurationError(
            f"{source} holds a publishable key (pk_), which cannot call the API. "
            "Use a restricted key (rk_) or a secret key (sk_): https://dashboard.stripe.com/apikeys"
        )
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"{source} holds no Stripe key: one begins with rk_test_, rk_live_, sk_test_ or sk_live_, "
            "and has no quotes around it."
        )
    return key


def _account(environment: Mapping[str, str]) -> str | None:
    account = environment.get("STRIPE_ACCOUNT", "").strip()
    if account and not re.fullmatch(r"acct_[A-Za-z0-9]+", account):
        raise ConfigurationError("STRIPE_ACCOUNT must be the id of a connected account, like acct_1Abc.")
    return account or None


def _context(environment: Mapping[str, str]) -> str | None:
    context = environment.get("STRIPE_CONTEXT", "").strip()
    if context and not re.fullmatch(r"[A-Za-z0-9_/-]+", context):
        raise ConfigurationError("STRIPE_CONTEXT must be the id of an account, like acct_1Abc.")
    return context or None


def _api_base(environment: Mapping[str, str], mode: Mode) -> str:
    base = environment.get("STRIPE_MCP_API_BASE", "").strip().rstrip("/") or STRIPE_API_BASE
    if mode == "LIVE" and base != STRIPE_API_BASE:
        raise ConfigurationError(f"STRIPE_MCP_API_BASE: a live key goes to {STRIPE_API_BASE} only.")
    url = re.fullmatch(r"([a-z]+)://([A-Za-z0-9.-]+|\[::1\])(?::([0-9]{1,5}))?", base)
    if not url or int(url[3] or 0) > 65535:
        raise ConfigurationError("STRIPE_MCP_API_BASE must be a URL of scheme, host and port only.")
    if url[1] != "https" and not (url[1] == "http" and is_loopback(url[2].strip("[]"))):
        raise ConfigurationError("STRIPE_MCP_API_BASE must be https, or http on this machine (127.0.0.1).")
    return base


def is_loopback(host: str) -> bool:
    """
    Whether only this machine reaches *host*.
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    value = environment.get(name, "").strip()
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", value) or not least <= int(value) <= most:
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most}.")
    return int(value)


def _database(environment: Mapping[str, str], simulator: bool) -> str:
    """
    Where writes are kept: those in an invented shop never beside real ones.
    """
    if url := environment.get("STRIPE_MCP_DATABASE_URL", "").strip():
        return url
    from platformdirs import user_state_path  # imported late: not all who import this need it

    folder = user_state_path("stripe-mcp", appauthor=False)
    return f"sqlite:///{folder / ('simulator.db' if simulator else 'ledger.db')}"


def _state_keys(environment: Mapping[str, str]) -> tuple[str, ...]:
    keys = tuple(environment.get("STRIPE_MCP_STATE_KEYS", "").replace(",", " ").split())
    if any(len(key) < 32 for key in keys) or len(set(keys)) < len(keys):
        raise ConfigurationError(
            "STRIPE_MCP_STATE_KEYS must be different keys of 32 characters or more each."
        )
    return keys


def _redacts(environment: Mapping[str, str]) -> bool:
    value = environment.get("STRIPE_MCP_REDACT", "").strip()
    if value not in ("", "pii"):
        raise ConfigurationError("STRIPE_MCP_REDACT must be pii, or unset.")
    return value == "pii"
