"""
The `stripe-mcp` command.

Exit status: 0 done, 1 the answer is no (a key that does not work), 2 started the wrong way. While
stdio is served, standard output belongs to the protocol and everything else goes to standard error.
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_mcp import __version__
from stripe_mcp.errors import ConfigurationError, LedgerUnavailable
from stripe_mcp.logs import logging_to_stderr
from stripe_mcp.opening import opener
from stripe_mcp.options import Command, build_parser
from stripe_mcp.rule_sources import read_rules
from stripe_mcp.rules import Said, merge
from stripe_mcp.settings import Settings, own_variables, read_settings, refuse_keys_in

if TYPE_CHECKING:
    from stripe_mcp.catalog import Catalog


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command with *arguments* (default: the command line's) and return its exit status.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _check_streams()
        refuse_keys_in(given)
        options = build_parser(_serve, _COMMANDS).parse_args(given)
        command: Callable[[argparse.Namespace], int] = options.command
        with logging_to_stderr():
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
    said = _rules_said(options)
    settings = _settings(options, said)
    with _without_garbage_collection():
        from stripe_mcp.server import create_server
        from stripe_mcp.stdio import serve_stdio

        server = create_server(_catalog(options, said), settings, opener(settings))
    logging.getLogger("stripe_mcp").setLevel(logging.INFO)  # a line a request: the client keeps it for us
    print(f"stripe-mcp {__version__}: {settings.banner}", file=sys.stderr)
    if sys.stdin.isatty():
        print("Waiting for an MCP client on standard input; `stripe-mcp --help` says more.", file=sys.stderr)
    serve_stdio(server)
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


def _demo(options: argparse.Namespace) -> int:
    from stripe_mcp.demo import play

    return play()


def _simulate(options: argparse.Namespace) -> int:
    from stripe_mcp.simulate import simulate

    return simulate(options.port, admin=options.admin, seed=options.seed, file=options.state)


def _check(options: argparse.Namespace) -> int:
    from stripe_mcp.check import check

    settings, catalog = _given(options)
    return check(settings, catalog.templates, opener(settings))


def _whoami(options: argparse.Namespace) -> int:
    from stripe_mcp.whoami import whoami

    settings, catalog = _given(options)
    return whoami(settings, catalog, opener(settings))


def _operations(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import operations

    settings, catalog = _given(options)
    return operations(options, settings, catalog, opener(settings))


def _approve(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import approve

    return approve(_settings(options, _rules_said(options)))


def _audit(options: argparse.Namespace) -> int:
    from stripe_mcp.commands import audit

    return audit(options, _settings(options, _rules_said(options)))


def _tools(options: argparse.Namespace) -> int:
    from stripe_mcp.listing import markdown, print_table

    catalog = _catalog(options, _rules_said(options)).templates
    if options.markdown:
        print(markdown(catalog))
    else:
        print_table(catalog)
    return 0


def _given(options: argparse.Namespace) -> "tuple[Settings, Catalog]":
    said = _rules_said(options)
    return _settings(options, said), _catalog(options, said)


def _rules_said(options: argparse.Namespace) -> list[Said]:
    return read_rules(options.flags, own_variables(), options.config)


def _settings(options: argparse.Namespace, said: list[Said]) -> Settings:
    settings = read_settings(simulator=options.simulator, redact_pii=options.redact == "pii")
    return replace(settings, rules=merge(said))


def _catalog(options: argparse.Namespace, said: list[Said]) -> "Catalog":
    from stripe_mcp.safety.policy import check_names, restrict

    catalog = _whole_catalog(options)
    check_names(catalog, said)
    return restrict(catalog, merge(said))


def _whole_catalog(options: argparse.Namespace) -> "Catalog":
    from stripe_mcp.catalog import builtin_folder, load_catalog

    if options.catalog is None:
        return load_catalog(builtin_folder())
    from stripe_mcp.examples import check_examples

    for template in load_catalog(options.catalog).templates.values():
        check_examples(template)
    return load_catalog(builtin_folder(), options.catalog)


_COMMANDS: dict[str, tuple[Command, str]] = {
    "demo": (_demo, "watch an MCP client refund a payment in the simulator"),
    "check": (_check, "test the key: account, mode, and which tools it may call"),
    "whoami": (_whoami, "say whose account this is and what the rules allow"),
    "tools": (_tools, "list the tools by category"),
    "operations": (_operations, "list, show and settle the writes whose outcome is unknown"),
    "approve": (_approve, "say yes or no, at this terminal, to the calls that wait for a person"),
    "audit": (_audit, "show, export or verify the record of all writes"),
    "simulator": (_simulate, "serve the simulator over HTTP on this machine"),
}
