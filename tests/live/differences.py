"""
Tells a test that fails at Stripe as what it is: the simulator answers otherwise than Stripe does.
"""

from collections.abc import Generator

import pytest
import stripe

from tests.live.recorder import Recorder
from tests.live.tidy import LeftBehind

NOT_ASKED = (
    stripe.APIConnectionError,
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.RateLimitError,
)


class Differences:
    """
    A pytest plugin: gives failures of tests marked `live` a headline, and lists them at the end.

    The key stands nowhere in it, whatever a test or the client may have printed.
    """

    def __init__(self, key: str, recorder: Recorder) -> None:
        self.key = key
        self.recorder = recorder
        self.found: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and call.excinfo and item.get_closest_marker("live"):
            headline = self._scrub(headline_of(item.name, call.excinfo))
            self.found.append(f"{headline}\n  last requests: {', '.join(self.recorder.request_ids)}")
            report.longrepr = f"{headline}\n\n{self._scrub(report.longreprtext)}"
            report.sections = [(title, self._scrub(text)) for title, text in report.sections]
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.found:
            terminalreporter.section("differences between Stripe and the simulator")
            terminalreporter.write_line("\n".join(self.found))

    def _scrub(self, text: str) -> str:
        return text.replace(self.key, "(the key)")


def headline_of(test: str, failure: pytest.ExceptionInfo[BaseException]) -> str:
    """
    What the failure of *test* means: a difference, unless Stripe was not reached or refused the key.
    """
    lines = [line for line in failure.exconly().splitlines() if not line.lstrip().startswith("+")]
    said = "\n    ".join(lines).removeprefix("AssertionError: ").removeprefix("Failed: ")
    if isinstance(failure.value, LeftBehind):
        return f"Not cleaned up: {said}"
    if isinstance(failure.value, NOT_ASKED):
        return f"Stripe could not be asked: {test}: {said}"
    return f"Stripe differs from the simulator: {test}: {said}"
