"""
The official conformance suite of MCP against our HTTP stack, and against the server as it is.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client

from tests.conformance.fixtures import fixture_server
from tests.conformance.servers import FIXTURES, REAL, started
from tests.conformance.suite import REVISIONS, SUITE, Verdict, read_baseline, read_verdict, run_suite
from tests.npx import Unavailable, environment_with


@pytest.fixture(scope="module")
def suite() -> None:
    try:
        environment_with(SUITE)
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def fixtures(suite: None) -> Iterator[str]:
    with started(*FIXTURES) as url:
        yield url


@pytest.fixture(scope="module")
def real(suite: None) -> Iterator[str]:
    with started(*REAL) as url:
        yield url


@pytest.mark.parametrize("revision", REVISIONS)
def test_our_http_stack_passes_every_scenario_of_a_revision(fixtures: str, revision: str) -> None:
    verdict = run_suite(fixtures, revision)
    assert not verdict.failing
    assert verdict.scenarios == REVISIONS[revision]


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_real_server_fails_exactly_the_checks_that_need_what_it_does_not_offer(
    real: str, revision: str
) -> None:
    verdict = run_suite(real, revision)
    assert verdict.surprises(read_baseline(revision)) == []
    assert verdict.scenarios == REVISIONS[revision]


def test_a_new_failure_and_a_known_one_that_passes_both_surprise() -> None:
    verdict = Verdict(3, {"ping:ping": "no answer", "tools-list:names": "too long"})
    assert verdict.surprises({"ping:ping": "why"}) == ["fails: tools-list:names: too long"]
    assert verdict.surprises(dict(verdict.failing) | {"caching:ttl": "why"}) == [
        "no longer fails: caching:ttl: take it out of the baseline"
    ]
    assert verdict.surprises(dict(verdict.failing)) == []


def test_warnings_count_as_failures_and_what_is_not_scored_does_not(tmp_path: Path) -> None:
    statuses = {"a": "FAILURE", "b-2026": "WARNING", "c": "SKIPPED", "d": "SUCCESS", "extra": "FAILURE"}
    for scenario, status in statuses.items():
        folder = tmp_path / f"server-{scenario}-2026-11-24T18-40-37-699Z"
        folder.mkdir()
        check = {"id": "check", "status": status, "errorMessage": "why"}
        (folder / "checks.json").write_text(json.dumps([check]), encoding="utf-8")
    verdict = read_verdict(tmp_path, "Not scored: 1\n  ✗ extra (added-after-release)\n")
    assert verdict == Verdict(4, {"a:check": "why", "b-2026:check": "why"})
    assert verdict.passed == 2


@pytest.mark.anyio
async def test_every_known_failure_needs_a_fixture_or_what_a_shop_does_not_offer() -> None:
    async with Client(fixture_server()) as client:
        tools = (await client.list_tools()).tools
        prompts = (await client.list_prompts()).prompts
    fixtures = {f"the tool {each.name}" for each in tools} | {f"the prompt {each.name}" for each in prompts}
    others = ("the resource test://", "logging to the client", "subscriptions")
    for revision in REVISIONS:
        for check, reason in read_baseline(revision).items():
            need = reason.removeprefix("needs ")
            assert need in fixtures or need.startswith(others), check
