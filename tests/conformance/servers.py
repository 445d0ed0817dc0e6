"""
Starts a server that says in its first line where it is: the fixtures, or the real one.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SERVED = ("serve", "--simulator", "--no-auth", "--port", "0")
FIXTURES = ("tests.conformance.app", *_SERVED)
REAL = ("stripe_mcp", *_SERVED)


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[str]:
    """
    Run the module with its *arguments*, without settings of ours but those in *environment*; give its URL.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    named = {"STRIPE_MCP_DATABASE_URL": "sqlite://", "STRIPE_MCP_CONFIG": os.devnull}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=inherited | named | environment,
    )
    with process:
        try:
            assert process.stdout
            found = re.search(r"http://\S+/mcp", process.stdout.readline())
            assert found, "the server did not start"
            yield found[0]
        finally:
            process.terminate()
            process.wait(timeout=15)
