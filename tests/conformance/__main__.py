"""
`python -m tests.conformance` runs the official suite and prints a line for each run, and for each surprise.

Exit code 1 means surprises. Without npx nothing is run, which is said, and no failure.
"""

import shutil
import sys

from tests.conformance.servers import FIXTURES, REAL, started
from tests.conformance.suite import REVISIONS, Verdict, missing, read_baseline, run_suite


def main() -> int:
    """
    Run the suite against both servers.
    """
    if lacking := missing():
        _say(lacking)
        return 1 if shutil.which("npx") else 0
    surprises: list[str] = []
    with started(*FIXTURES) as url:
        for revision, wanted in REVISIONS.items():
            verdict = run_suite(url, revision)
            _tell("our HTTP stack with the suite's fixtures", revision, verdict)
            surprises += verdict.surprises({})
            surprises += [f"{wanted} scenarios were to run"] if verdict.scenarios != wanted else []
    with started(*REAL) as url:
        for revision in REVISIONS:
            verdict = run_suite(url, revision)
            _tell("stripe-mcp serve, whose failures are known", revision, verdict)
            surprises += verdict.surprises(read_baseline(revision))
    _say(*surprises)
    return 1 if surprises else 0


def _tell(server: str, revision: str, verdict: Verdict) -> None:
    _say(f"{revision}: {verdict.passed}/{verdict.scenarios} ({server})")


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
