"""
The command line: what can be said on it, and how `--help` puts it.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from stripe_mcp import __version__
from stripe_mcp.rule_sources import Flags, add_flags

Command = Callable[[argparse.Namespace], int]

_EPILOG = (
    "NAMES have commas between them, AMOUNTS are by currency: usd=500.00,jpy=50000. Whatever restricts can "
    "also be set by a variable (STRIPE_MCP_MAX_REFUND) or in the file; the stricter setting wins. "
    "The key comes from STRIPE_SECRET_KEY or the private file named by STRIPE_SECRET_KEY_FILE."
)


def build_parser(serve: Command, named: Mapping[str, tuple[Command, str]]) -> argparse.ArgumentParser:
    """
    The parser of the command line: *serve* is what runs without a command, *named* are the commands with
    what `--help` says of them. What is to run stands in `command`, what is said of rules in `flags`.
    """
    flags: Flags = []
    parser = argparse.ArgumentParser(
        prog="stripe-mcp",
        usage="stripe-mcp [OPTIONS] [COMMAND ...]",
        parents=[_shared_options(flags, lambda usual: usual)],
        description="37 Stripe templates as MCP tools. Without a command, serves an MCP client over stdio.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"stripe-mcp {__version__}")
    parser.set_defaults(command=serve, flags=flags)
    commands = parser.add_subparsers(prog="stripe-mcp", metavar="COMMAND", title="commands")
    # Given before the command, an option stays as it is unless it is given again behind it.
    again = _shared_options(flags, lambda usual: argparse.SUPPRESS)
    for name, (run, told) in named.items():
        usage = f"stripe-mcp {name} [OPTIONS]"
        command = commands.add_parser(name, parents=[again], usage=usage, help=told, description=told)
        command.set_defaults(command=run)
        if name in _OPTIONS:
            _OPTIONS[name](command, again)
    return parser


def _tools_options(command: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    command.add_argument("--markdown", action="store_true", help="as a Markdown table")


def _operations_options(command: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    command.usage = "stripe-mcp operations [list | show ID | reconcile [ID] | close ID done|failed] [OPTIONS]"
    command.set_defaults(action="list")
    act = _actions(command, again)
    act("list", "those whose outcome is unknown (if no action is named)")
    act("show", "all that is kept of one", "ID ").add_argument("operation", metavar="ID")
    asked = act("reconcile", "ask Stripe what became of one, or of all that are open", "[ID] ")
    asked.add_argument("operation", metavar="ID", nargs="?")
    closed = act("close", "settle one by what you found, at this terminal", "ID done|failed ")
    closed.add_argument("operation", metavar="ID")
    closed.add_argument("outcome", choices=["done", "failed"])


def _audit_options(command: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    command.usage = "stripe-mcp audit [show [--last N] | export | verify [FILE]] [OPTIONS]"
    command.set_defaults(action="show", last=20)
    act = _actions(command, again)
    shown = act("show", "the latest lines (if no action is named)", "[--last N] ")
    shown.add_argument("--last", type=int, metavar="N", default=20, help="how many (20)")
    act("export", "all lines as JSON, on standard output")
    verified = act("verify", "say whether any line was changed, removed or moved", "[FILE] ")
    verified.add_argument("file", type=Path, metavar="FILE", nargs="?", help="an export of earlier")


def _actions(
    command: argparse.ArgumentParser, again: argparse.ArgumentParser
) -> Callable[..., argparse.ArgumentParser]:
    """
    What adds an action to *command*: by its name, what is told of it, and what stands behind it in its usage.
    """
    prog = command.prog
    actions = command.add_subparsers(prog=prog, dest="action", metavar="ACTION", title="actions")

    def act(name: str, told: str, behind: str = "") -> argparse.ArgumentParser:
        usage = f"{prog} {name} {behind}[OPTIONS]"
        return actions.add_parser(name, parents=[again], usage=usage, help=told, description=told)

    return act


def _serve_options(command: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1: this machine only)")
    _add_port(command, 8000)
    command.add_argument(
        "--workers", type=_from(1, 64), metavar="N", default=1, help="processes that share the work (1)"
    )
    command.add_argument(
        "--stateless",
        action="store_true",
        help="keep no sessions, so that clients older than 2026-07-28 can be served by many processes",
    )
    command.add_argument(
        "--tenants", type=Path, metavar="FILE", help="many accounts: whose tokens stand for which (0600)"
    )
    command.add_argument(
        "--allow-host",
        action="append",
        metavar="NAME",
        default=[],
        help="a name that requests may call this server by; can be repeated",
    )
    command.add_argument(
        "--allow-origin",
        action="append",
        metavar="URL",
        default=[],
        help="a web site whose pages may call this server; can be repeated",
    )
    command.add_argument("--no-auth", action="store_true", help="let in whoever asks; for this machine only")


def _from(least: int, most: int) -> Callable[[str], int]:
    """
    What reads a number from *least* to *most*.
    """

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def _simulator_options(command: argparse.ArgumentParser, again: argparse.ArgumentParser) -> None:
    _add_port(command, 12111)
    command.add_argument(
        "--admin",
        action="store_true",
        help="open routes below /_simulator/ that set clock, keys, faults, limits and state",
    )
    command.add_argument("--seed", metavar="TEXT", help="what ids and invented data follow from")
    command.add_argument(
        "--state", type=Path, metavar="FILE", help="go on from FILE if it exists, and save to it at the end"
    )


def _add_port(command: argparse.ArgumentParser, usual: int) -> None:
    command.add_argument(
        "--port",
        type=_from(0, 65535),
        metavar="PORT",
        default=usual,
        help=f"where to listen ({usual}); 0 takes any that is free",
    )


_OPTIONS = {
    "serve": _serve_options,
    "tools": _tools_options,
    "operations": _operations_options,
    "audit": _audit_options,
    "simulator": _simulator_options,
}


def _shared_options(flags: Flags, default: Callable[[object], object]) -> argparse.ArgumentParser:
    """
    The options that all commands take; *default* makes of what is usual what holds where nothing is said.
    """
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--simulator",
        action="store_true",
        default=default(False),
        help="work on a built-in shop; needs no key",
    )
    options.add_argument(
        "--catalog",
        type=Path,
        metavar="DIR",
        default=default(None),
        help="add or replace tools (DIR/tools/<category>/<tool>.toml), objects and prompts",
    )
    options.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=default(None),
        help="read rules from FILE: the options below without dashes, such as read_only = true",
    )
    options.add_argument(
        "--redact",
        choices=["pii"],
        default=default(None),
        help="mask e-mail addresses, phone numbers and addresses in results",
    )
    _add_logs(options.add_argument_group("logs"), default)
    add_flags(options, flags)
    return options


def _add_logs(logs: argparse._ArgumentGroup, default: Callable[[object], object]) -> None:
    logs.add_argument(
        "--log-level",
        choices=["debug", "info", "warning", "error"],
        default=default(None),
        help="info while serving, warning otherwise",
    )
    logs.add_argument(
        "--log-file",
        type=Path,
        metavar="FILE",
        default=default(None),
        help="a private file in place of standard error",
    )
    logs.add_argument("--log-json", action="store_true", default=default(False), help="a JSON object a line")
