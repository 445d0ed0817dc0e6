"""
Runs the official conformance suite, an npm package, and compares what it found with what is known.

A check fails when the suite calls it a failure or a warning. Rule: every failing check is known, by a reason,
and every known one fails; so a baseline can neither hide something new nor grow old.
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.npx import SECONDS, environment_with

# Revision of the protocol: how many scenarios a server has to pass that claims it.
REVISIONS = {"2026-07-28": 37, "2025-11-25": 30}

SUITE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    How many *scenarios* count for the revision, and the failing checks of them with what the suite says.
    """

    scenarios: int
    failing: Mapping[str, str]

    @property
    def passed(self) -> int:
        """
        How many scenarios have no failing check.
        """
        return self.scenarios - len({check.partition(":")[0] for check in self.failing})

    def surprises(self, known: Mapping[str, str]) -> list[str]:
        """
        A line for each failing check that is not *known*, and for each known one that does not fail.
        """
        new = [f"fails: {check}: {said}" for check, said in self.failing.items() if check not in known]
        old = [check for check in known if check not in self.failing]
        return new + [f"no longer fails: {check}: take it out of the baseline" for check in old]


def run_suite(url: str, revision: str) -> Verdict:
    """
    What the suite says of the server at *url* for *revision*.

    Raises:
        Unavailable: The suite cannot be had here.
    """
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            ["conformance", "server", "--url", url, "--requirements", revision, "-o", folder],
            capture_output=True,
            text=True,
            env=environment_with(SUITE),
            timeout=SECONDS,
            check=False,
        )
        return read_verdict(Path(folder), done.stdout)


def read_verdict(folder: Path, printed: str) -> Verdict:
    """
    The verdict from the files in *folder*; what *printed* lists as not scored is left out.
    """
    uncounted = set(re.findall(r"^  \S (\S+) \([a-z-]+\)$", printed, re.MULTILINE))
    checks = {
        scenario: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("server-*/checks.json"))
        if (scenario := _scenario(file.parent.name)) not in uncounted
    }
    failing = {
        f"{scenario}:{check['id']}": check.get("errorMessage", "")
        for scenario, found in checks.items()
        for check in found
        if check["status"] in ("FAILURE", "WARNING")
    }
    return Verdict(len(checks), failing)


def read_baseline(revision: str) -> dict[str, str]:
    """
    The checks of *revision* that `stripe-mcp serve` is known to fail, each with the reason.
    """
    file = Path(__file__).with_name("baseline.toml")
    known: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))[revision]
    return known


def _scenario(folder: str) -> str:
    """
    `server-ping-2026-11-24T18-40-37-699Z` holds the checks of `ping`.
    """
    return re.sub(r"^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$", r"\1", folder)
