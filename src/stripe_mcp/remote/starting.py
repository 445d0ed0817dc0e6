"""
From a command line to what is to be served, and what is said of it when it is.
"""

import argparse
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from stripe_mcp import __version__, given
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.exporting import start_telemetry
from stripe_mcp.logs import logging_to
from stripe_mcp.remote.plan import (
    Plan,
    check_token,
    check_way_in,
    names_of,
    read_oauth,
    sessions_of,
)
from stripe_mcp.remote.tenants import OWN, Tenant, read_tenants, sources
from stripe_mcp.remote.tokens import digest, make_token
from stripe_mcp.settings import ENVIRONMENT, is_loopback, telemetry_signals


def make_plan(options: argparse.Namespace) -> tuple[Plan, Callable[[str], None]]:
    """
    What *options* and the environment want to be served, and what tells so, given the address.

    Raises:
        ConfigurationError: Something that is said is wrong, or unsafe.
    """
    variables = ENVIRONMENT
    oauth, file = read_oauth(variables), _file(options, variables)
    ways = {
        "STRIPE_MCP_TOKEN": variables.get("STRIPE_MCP_TOKEN"),
        "--tenants": file,
        "STRIPE_MCP_OAUTH_ISSUER": oauth,
    }
    check_way_in(options, [way for way, there in ways.items() if there])
    made = _made(options, variables, closed=not any(ways.values()))
    settings = given.settings(options, {**variables, **made})
    _check_workers(options, file, settings.database)
    hosts, origins = names_of(options)
    plan = Plan(
        host=options.host,
        port=options.port,
        workers=options.workers,
        sessions=sessions_of(options),
        hosts=hosts,
        origins=origins,
        pages=tuple(options.allow_origin),
        authenticated=not options.no_auth,
        oauth=oauth,
        database=settings.database,
        counts_open="metrics" in telemetry_signals(),
        tenants=partial(_tenants, options, made),
        watched=partial(sources, file),
        process=partial(_process, options),
    )
    tenants = plan.tenants()  # what is wrong with them is told now
    banner = f"{len(tenants)} tenants" if file else settings.banner
    return plan, partial(_announce, plan, banner, made.get("STRIPE_MCP_TOKEN"))


def _file(options: argparse.Namespace, variables: Mapping[str, str]) -> Path | None:
    named = options.tenants or variables.get("STRIPE_MCP_TENANTS", "").strip()
    return Path(named) if named else None


def _made(options: argparse.Namespace, variables: Mapping[str, str], *, closed: bool) -> dict[str, str]:
    """
    What nobody set and is needed: a token where nothing else lets anybody in, keys that all workers share.
    """
    made = {}
    if closed and not options.no_auth:
        made["STRIPE_MCP_TOKEN"] = make_token()
    if options.workers > 1 and not variables.get("STRIPE_MCP_STATE_KEYS"):
        made["STRIPE_MCP_STATE_KEYS"] = secrets.token_hex(32)
    return made


def _check_workers(options: argparse.Namespace, file: Path | None, database: str) -> None:
    if options.simulator and file:
        raise ConfigurationError("--simulator and --tenants: the simulator's shop is one account.")
    if options.workers > 1 and options.simulator:
        raise ConfigurationError("--simulator takes one worker: its shop lives in one process.")
    if options.workers > 1 and database == "sqlite://":
        raise ConfigurationError("STRIPE_MCP_DATABASE_URL: a ledger in memory takes one worker.")


def _tenants(options: argparse.Namespace, made: Mapping[str, str]) -> Mapping[str, Tenant]:
    variables = {**ENVIRONMENT, **made}
    file = _file(options, variables)
    return _of_file(file, options, variables) if file else {OWN: _own(options, variables)}


def _of_file(file: Path, options: argparse.Namespace, variables: Mapping[str, str]) -> Mapping[str, Tenant]:
    redact_pii = options.redact == "pii"
    whole, said = given.whole_catalog(options), given.rules(options)
    tenants = read_tenants(file, whole, said, variables, redact_pii=redact_pii)
    if read_oauth(variables) is None:
        for tenant in tenants.values():
            if not tenant.tokens:
                raise ConfigurationError(
                    f"{file}: {tenant.name}.subjects: nobody can be one of them without "
                    "STRIPE_MCP_OAUTH_ISSUER. Set it, or give the tenant tokens."
                )
    return tenants


def _own(options: argparse.Namespace, variables: Mapping[str, str]) -> Tenant:
    """
    The only tenant of a server for one account.
    """
    token = variables.get("STRIPE_MCP_TOKEN", "").strip()
    key_file = variables.get("STRIPE_SECRET_KEY_FILE", "").strip()
    return Tenant(
        name=OWN,
        settings=given.settings(options, variables),
        catalog=given.catalog(options),
        tokens=(digest(check_token(token)),) if token else (),
        key_file=Path(key_file) if key_file else None,
    )


@contextmanager
def _process(options: argparse.Namespace) -> Iterator[None]:
    """
    What each process that serves has of its own: where its lines and its figures go.
    """
    with ExitStack() as stack:
        if options.workers > 1:  # else the command has seen to it
            stack.enter_context(
                logging_to(options.log_file, level=options.log_level, as_json=options.log_json)
            )
        stack.callback(start_telemetry(telemetry_signals()).shutdown)
        yield


def _announce(plan: Plan, banner: str, token: str | None, address: str) -> None:
    legacy = " and /sse (SSE)" if plan.sessions == "kept" else ""
    lines = [f"stripe-mcp {__version__} at {address}/mcp (Streamable HTTP){legacy}: {banner}"]
    if plan.sessions == "refused":
        lines.append(
            f"With {plan.workers} workers there are no sessions: /sse answers 501, and clients older than "
            "protocol 2026-07-28 need --stateless."
        )
    if not plan.authenticated:
        lines.append("No token is asked for: every program on this machine can call.")
    if not is_loopback(plan.host):
        lines.append("Put TLS before it: tokens travel in the clear on this port.")
    if token:
        server = {"type": "http", "url": f"{address}/mcp", "headers": {"Authorization": f"Bearer {token}"}}
        lines += [
            "A token for this run (STRIPE_MCP_TOKEN keeps one for longer), in a client's configuration:",
            json.dumps({"mcpServers": {"stripe": server}}),
        ]
    print("\n".join(lines), flush=True)
