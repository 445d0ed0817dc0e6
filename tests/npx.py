"""
Programs of others that come as npm packages, of a pinned version, with the Node that they need.

npx downloads them once and keeps them in its cache; where it cannot, what needs them is skipped.
"""

import os
import shutil
import subprocess
from functools import cache

SECONDS = 300  # for one run, or for the one download

_NODE = "node@22"  # many machines have an older one


class Unavailable(Exception):
    """
    The programs cannot be had here; the text says why.
    """


@cache
def environment_with(package: str) -> dict[str, str]:
    """
    Our environment, with the programs of the npm *package* and their Node on its path.

    Asked for once, as npx itself takes longer than most of what is run.

    Raises:
        Unavailable: There is no npx, or it cannot get them.
    """
    if shutil.which("npx") is None:
        raise Unavailable(f"{package} needs npx, which comes with Node: https://nodejs.org")
    quick = ("--prefer-offline", "--fetch-retry-mintimeout=1000")  # milliseconds, for who is offline
    command = ["npx", "--yes", "--loglevel=error", *quick, "-p", _NODE, "-p", package, "--", "node", "-p"]
    asked = subprocess.run(
        [*command, "process.env.PATH"], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if asked.returncode:
        why = asked.stderr.partition("\n")[0]
        raise Unavailable(f"npx cannot get {package}: {why}")
    return os.environ | {"PATH": asked.stdout.strip()}
