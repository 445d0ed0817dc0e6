"""
The `stripe-mcp` command.

Exit status: 0 done, 1 the answer is no (a key that does not work), 2 started the wrong way. While
stdio is served, standard output belongs to the protocol and everything else goes to standard error.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stripe_mcp import __version__, given
from stripe_mcp.errors import ConfigurationError, LedgerUnavailable
from stripe_mcp.logs import logging_to
from stripe_mcp.opening import opener
from stripe_mcp.options import Command, build_parser
from stripe_mcp.settings import refuse_keys_in, telemetry_signals


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command with *arguments* (default: the command line's) and return its exit status.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _check_streams()
        refuse_keys_in(line)
        options = build_parser(_serve, _COMMANDS).parse_args(line)
        command: Callable[[argparse.Namespace], int] = options.command
        if options.log_level is None:  # a line a request: a client keeps them for us
            options.log_level = "info" if command in (_serve, _serve_http) else "warning"
        with logging_to(options.log_file, level=options.log_level, as_json=options.log_json):
            status = command(options)
        sys.stdout.flush()
        return status
    except ConfigurationError as error:
        print(f"stripe-mcp: {error}", file=sys.stderr)
        return 2
    except LedgerUnavailable as error:
        print(f"stripe-mcp: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `stripe-mcp tools | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _check_streams() -> None:
    """
    Whoever started us may have closed a standard stream; what is opened next would take its number.
    """
    if sys.stdin is None or sys.stdout is None:
        raise ConfigurationError("Standard input and output are needed, and one of them is closed.")
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as we run


def _serve(options: argparse.Namespace) -> int:
    settings, catalog = given.settings(options), given.catalog(options)
    with _without_garbage_collection():
        from stripe_mcp.exporting import start_telemetry
        from stripe_mcp.server import create_server
        from stripe_mcp.stdio import serve_stdio

        server = create_server(catalog, settings, opener(settings))
    print(f"stripe-mcp {__version__}: {settings.banner}", file=sys.stderr)
    if sys.stdin.isatty():
        print("Waiting for an MCP client on standard input; `stripe-mcp --help` says more.", file=sys.stderr)
    telemetry = start_telemetry(telemetry_signals())
    try:
        serve_stdio(server)
    finally:
        telemetry.shutdown()
    return 0


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """
    What is made at the start stays to the end: looking through it for garbage costs a twentieth of the start.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _serve_http(options: argparse.Namespace) -> int:
    from stripe_mcp.remote.serve import serve
    from stripe_mcp.remote.starting import make_plan

    return serve(*make_plan(options))


def _token(options: argparse.Namespace) -> int:
    from stripe_mcp.remote.tokens import digest, make_token, written

    token = make_token()
    print(f'{token}\n\nIn a tenants file:  tokens = ["{written(digest(token))}"]')
    return 0


def _demo(options: argparse.Namespace) -> int:
    from stripe_mcp.demo import play

    return play()


def _simulate(options: argparse.Namespace) -> int:
    from stripe_mcp.simulate import simulate

    return simulate(options.port, admin=options.admin, seed=options.seed, file=options.state)


def _check(options: argparse.Namespace) -> int:
    from stripe_mcp.check import check

    settings, catalog = given.settings(options), given.catalog(options)
    return check(settings, catalog.templates, opener(settings))


def _whoami(options: argparse.Namespace) -> int:
    from stripe_mcp.whoami import whoami

    settings, catalog = given.settings(options), given.catalog(options)
    return whoami(settings, catalog, opener(settings))


def _operations(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import operations

    settings, catalog = given.settings(options), given.catalog(options)
    return operations(options, settings, catalog, opener(settings))


def _approve(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import approve

    return approve(given.settings(options))


def _audit(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import audit

    return audit(options, given.settings(options))


def _tools(options: argparse.Namespace) -> int:
    from stripe_mcp.listing import markdown, print_table

    catalog = given.catalog(options).templates
    if options.markdown:
        print(markdown(catalog))
    else:
        print_table(catalog)
    return 0


_COMMANDS: dict[str, tuple[Command, str]] = {
    "serve": (_serve_http, "serve many MCP clients over HTTP: Streamable HTTP and SSE"),
    "token": (_token, "make a bearer token for `stripe-mcp serve`"),
    "demo": (_demo, "watch an MCP client refund a payment in the simulator"),
    "check": (_check, "test the key: account, mode, and which tools it may call"),
    "whoami": (_whoami, "say whose account this is and what the rules allow"),
    "tools": (_tools, "list the tools by category"),
    "operations": (_operations, "list, show and settle the writes whose outcome is unknown"),
    "approve": (_approve, "say yes or no, at this terminal, to the calls that wait for a person"),
    "audit": (_audit, "show, export or verify the record of all writes"),
    "simulator": (_simulate, "serve the simulator over HTTP on this machine"),
}
