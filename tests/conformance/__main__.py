"""
`python -m tests.conformance` runs the official suite and prints a line for each run, and for each surprise.

Exit code 1 means surprises. Without npx nothing is run, which is said, and no failure.
"""

import shutil
import sys
from collections.abc import Iterator

from tests.conformance.servers import FIXTURES, REAL, started
from tests.conformance.suite import REVISIONS, read_baseline, run_suite
from tests.npx import Unavailable


def main() -> int:
    """
    Run the suite against our HTTP stack with the fixtures, and against the server as it is.
    """
    try:
        surprises = [*_run("our HTTP stack", FIXTURES), *_run("stripe-mcp serve", REAL)]
    except Unavailable as why:
        _say(str(why))
        return 1 if shutil.which("npx") else 0
    _say(*surprises)
    return 1 if surprises else 0


def _run(name: str, server: tuple[str, ...]) -> Iterator[str]:
    with started(*server) as url:
        for revision, wanted in REVISIONS.items():
            known = read_baseline(revision) if server == REAL else {}
            verdict = run_suite(url, revision)
            missing = f", {len(known)} checks need what it does not offer" if known else ""
            _say(f"{revision}: {verdict.passed}/{wanted}, {name}{missing}")
            if verdict.scenarios != wanted:
                yield f"{wanted} scenarios were to be run, not {verdict.scenarios}"
            yield from verdict.surprises(known)


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
