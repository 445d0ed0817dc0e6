"""
What a remote endpoint is to be: where it listens, who is let in, and what it may not be.

Rule: off this machine nobody is let in without a token, and the server is asked by names that were given.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.jwks import is_private
from stripe_mcp.remote.tenants import Tenant
from stripe_mcp.settings import is_loopback

# What clients of the handshake era find: sessions, and SSE; neither, so that each of their requests may go
# to any process; or words that say what they need.
Sessions = Literal["kept", "stateless", "refused"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_NAME = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]")
_SHORTEST_TOKEN = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """
    An authorization server whose tokens are taken: those of *issuer* that are for *resource*, the public URL
    of `/mcp`. Its keys are at *jwks*, or where its metadata says.
    """

    issuer: str
    resource: str
    jwks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What is to be served, so that each worker can make its own of it.

    A request names one of *hosts*; one that a web page makes comes from one of *origins*, of which *pages*
    may read the answer. *authenticated*: it bears a token. *tenants* reads them, *watched* tells when their
    files change. Each process serves within *process*, and reports open writes if it *counts_open*.
    """

    host: str
    port: int
    workers: int
    sessions: Sessions
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    pages: tuple[str, ...]
    authenticated: bool
    oauth: OAuth | None
    database: str
    counts_open: bool
    tenants: Callable[[], Mapping[str, Tenant]]
    watched: Callable[[Mapping[str, Tenant]], Any]
    process: Callable[[], AbstractContextManager[None]]


def read_oauth(environment: Mapping[str, str]) -> OAuth | None:
    """
    The authorization server that *environment* names, if it does.

    Raises:
        ConfigurationError: It does so by halves, or not by https.
    """
    names = {name: f"STRIPE_MCP_OAUTH_{name.upper()}" for name in ("issuer", "resource", "jwks")}
    said = {name: environment.get(variable, "").strip() for name, variable in names.items()}
    if not any(said.values()):
        return None
    for name in ("issuer", "resource"):
        if not said[name]:
            raise ConfigurationError(f"{names[name]} is missing: tokens are checked against it.")
    for name, url in said.items():
        if url and (not is_private(url) or "?" in url):
            raise ConfigurationError(f"{names[name]} must be an https:// URL, without query and fragment.")
    return OAuth(issuer=said["issuer"], resource=said["resource"], jwks=said["jwks"] or None)


def check_token(token: str) -> str:
    """
    *token*, if it is one that cannot be guessed.

    Raises:
        ConfigurationError: It is not.
    """
    if not re.fullmatch(rf"[!-~]{{{_SHORTEST_TOKEN},4096}}", token):
        raise ConfigurationError(
            f"STRIPE_MCP_TOKEN must have {_SHORTEST_TOKEN} characters or more, without blanks: "
            "`stripe-mcp token` makes one."
        )
    return token


def check_way_in(options: argparse.Namespace, ways: list[str]) -> None:
    """
    Hold what *options* say of who is let in to the *ways* that are set up.

    Raises:
        ConfigurationError: Somebody would be let in who should not be, or nobody could be.
    """
    if {"STRIPE_MCP_TOKEN", "--tenants"} <= set(ways):
        raise ConfigurationError("STRIPE_MCP_TOKEN and --tenants: the tokens of tenants stand in their file.")
    if options.no_auth and ways:
        raise ConfigurationError(f"--no-auth and {ways[0]}: the one lets all in, the other only some.")
    if is_loopback(options.host):
        return
    if options.no_auth:
        raise ConfigurationError(f"--no-auth is for this machine only, and {options.host} is not.")
    if not ways:
        raise ConfigurationError(
            f"{options.host} can be reached from elsewhere, so callers need a token: set STRIPE_MCP_TOKEN "
            "(`stripe-mcp token` makes one), name a file by --tenants, or set STRIPE_MCP_OAUTH_ISSUER."
        )
    if not options.allow_host:
        raise ConfigurationError(
            f"{options.host} can be reached from elsewhere: say by which name, such as "
            "--allow-host mcp.example.com. Requests to other names are refused."
        )


def names_of(options: argparse.Namespace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    The hosts that requests may name and the origins of pages that may make them.

    Raises:
        ConfigurationError: What is given is neither.
    """
    for name in options.allow_host:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"--allow-host {name}: a name alone, such as mcp.example.com.")
    for origin in options.allow_origin:
        if not re.fullmatch(rf"https?://({_NAME.pattern})(:[0-9]+)?", origin):
            raise ConfigurationError(f"--allow-origin {origin}: such as https://app.example.com.")
    own = _LOOPBACK if is_loopback(options.host) else ()
    hosts = (*own, *options.allow_host)
    return hosts, (*(f"http://{name}" for name in own), *options.allow_origin)


def sessions_of(options: argparse.Namespace) -> Sessions:
    """
    What clients of the handshake era find.
    """
    if options.stateless:
        return "stateless"
    return "kept" if options.workers == 1 else "refused"
