"""
Serves the fixtures over HTTP, as `python -m tests.conformance.app`. The first line says where.
"""

import socket
import sys
import warnings

import uvicorn
from mcp.shared.exceptions import MCPDeprecationWarning
from starlette.types import ASGIApp

from tests.conformance.fixtures import fixture_server


def fixture_app() -> ASGIApp:
    """
    The fixtures behind the HTTP stack.
    """
    return fixture_server().streamable_http_app()


def main() -> None:
    """
    Serve until a signal comes.
    """
    warnings.simplefilter(
        "ignore", MCPDeprecationWarning
    )  # the suite asks for logging, which newer clients lack
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp\n")
    sys.stdout.flush()
    config = uvicorn.Config(fixture_app(), http="h11", ws="none", log_level="warning")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
