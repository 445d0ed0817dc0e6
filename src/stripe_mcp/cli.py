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
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_mcp import __version__
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.logs import logging_to_stderr
from stripe_mcp.settings import (
    STRIPE_API_BASE,
    Settings,
    allow,
    read_allowed,
    read_settings,
    refuse_keys_in,
)

if TYPE_CHECKING:
    import httpx

    from stripe_mcp.catalog import Catalog
    from stripe_mcp.transport import Transport


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command with *arguments* (default: the command line's) and return its exit status.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _check_streams()
        refuse_keys_in(given)
        options = _parser().parse_args(given)
        command: Callable[[argparse.Namespace], int] = options.command
        with logging_to_stderr():
            status = command(options)
        sys.stdout.flush()
        return status
    except ConfigurationError as error:
        print(f"stripe-mcp: {error}", file=sys.stderr)
        return 2
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


def connect(settings: Settings) -> "Callable[[], Transport] | None":
    """
    How to open the road to Stripe that *settings* describe; None without a key.
    """
    key = settings.key
    if key is None:
        return None

    def open_transport() -> "Transport":
        from stripe_mcp.rates import Rates
        from stripe_mcp.transport import Transport

        return Transport(
            key,
            settings.api_base,
            account=settings.account,
            context=settings.context,
            rates=Rates(live=settings.mode == "LIVE") if settings.api_base == STRIPE_API_BASE else None,
            deadline=settings.deadline,
            max_retries=settings.max_retries,
            http=_simulator() if settings.mode == "SIMULATOR" else None,
        )

    return open_transport


def _simulator() -> "httpx.ASGITransport":
    import httpx

    from stripe_mcp.simulator import Simulator

    return httpx.ASGITransport(app=Simulator())


def _serve(options: argparse.Namespace) -> int:
    settings = read_settings(simulator=options.simulator, redact_pii=options.redact == "pii")
    with _without_garbage_collection():
        from stripe_mcp.server import create_server
        from stripe_mcp.stdio import serve_stdio

        server = create_server(_catalog(options), settings, connect(settings))
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

    settings = read_settings(simulator=options.simulator)
    return check(settings, _catalog(options).templates, connect(settings))


def _tools(options: argparse.Namespace) -> int:
    from stripe_mcp.listing import markdown, print_table

    catalog = _catalog(options).templates
    if options.markdown:
        print(markdown(catalog))
    else:
        print_table(catalog)
    return 0


def _catalog(options: argparse.Namespace) -> "Catalog":
    from stripe_mcp.safety.policy import restrict

    names = {
        "--tools": options.tools,
        "--exclude-tools": options.exclude_tools,
        "--categories": options.categories,
    }
    return restrict(_whole_catalog(options), read_allowed(), allow(options.read_only, names))


def _whole_catalog(options: argparse.Namespace) -> "Catalog":
    from stripe_mcp.catalog import builtin_folder, load_catalog

    if options.catalog is None:
        return load_catalog(builtin_folder())
    from stripe_mcp.examples import check_examples

    for template in load_catalog(options.catalog).templates.values():
        check_examples(template)
    return load_catalog(builtin_folder(), options.catalog)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stripe-mcp",
        parents=[_shared_options(simulator=False, catalog=None, read_only=False, names="")],
        description="37 Stripe templates as MCP tools. Without a command, serves an MCP client over stdio.",
        epilog="The key comes from STRIPE_SECRET_KEY or the private file named by STRIPE_SECRET_KEY_FILE.",
    )
    parser.add_argument("--version", action="version", version=f"stripe-mcp {__version__}")
    parser.add_argument(
        "--redact", choices=["pii"], help="mask e-mail addresses, phone numbers and addresses in results"
    )
    parser.set_defaults(command=_serve)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    # Given before the command, an option stays as it is unless it is given again behind it.
    unset = argparse.SUPPRESS
    again = _shared_options(simulator=unset, catalog=unset, read_only=unset, names=unset)
    for name, run, told in (
        ("demo", _demo, "watch an MCP client refund a payment in the simulator"),
        ("check", _check, "test the key: account, mode, and which tools it may call"),
        ("tools", _tools, "list the tools by category"),
        ("simulator", _simulate, "serve the simulator over HTTP on this machine"),
    ):
        command = commands.add_parser(name, parents=[again], help=told, description=told)
        command.set_defaults(command=run)
        if name == "tools":
            command.add_argument("--markdown", action="store_true", help="as a Markdown table")
        if name == "simulator":
            _simulator_options(command)
    return parser


def _simulator_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port",
        type=int,
        choices=range(65536),
        metavar="PORT",
        default=12111,
        help="where to listen (12111); 0 takes any that is free",
    )
    command.add_argument(
        "--admin",
        action="store_true",
        help="open routes below /_simulator/ that set clock, keys, faults, limits and state",
    )
    command.add_argument("--seed", metavar="TEXT", help="what ids and invented data follow from")
    command.add_argument(
        "--state", type=Path, metavar="FILE", help="go on from FILE if it exists, and save to it at the end"
    )


def _shared_options(
    *, simulator: object, catalog: object, read_only: object, names: object
) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--simulator", action="store_true", default=simulator, help="work on a built-in shop; needs no key"
    )
    options.add_argument(
        "--catalog",
        type=Path,
        metavar="DIR",
        default=catalog,
        help="add or replace tools (DIR/tools/<category>/<tool>.toml), objects and prompts",
    )
    options.add_argument(
        "--read-only", action="store_true", default=read_only, help="have only tools that change nothing"
    )
    for name, told in (
        ("--tools", "have only these tools, with commas between them"),
        ("--exclude-tools", "do without these tools"),
        ("--categories", "have only the tools of these categories"),
    ):
        options.add_argument(name, metavar="NAMES", default=names, help=told)
    return options
