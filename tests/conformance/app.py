"""
`stripe-mcp` with the fixtures in place of its own server, and everything around them as it is:
`python -m tests.conformance.app serve ...` carries them through the whole HTTP stack.
"""

import sys
import warnings
from unittest.mock import patch

from mcp.shared.exceptions import MCPDeprecationWarning

from stripe_mcp import cli
from tests.conformance.fixtures import fixture_server


def main() -> int:
    """
    Run the command on standard arguments.
    """
    warnings.simplefilter(
        "ignore", MCPDeprecationWarning
    )  # of logging to the client, which the suite asks for
    with patch("stripe_mcp.remote.serve.create_server", lambda *_: fixture_server()):
        return cli.main()


if __name__ == "__main__":
    sys.exit(main())
