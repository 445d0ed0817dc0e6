"""
What changes while the server runs: tenants come, go, and get other keys and rules; sessions end.
"""

from dataclasses import replace

import pytest

from stripe_mcp.remote.tokens import digest
from tests.remote.test_directory import NO_KEY, Files, open_directory, tenant, until_known

pytestmark = pytest.mark.anyio


async def test_a_request_that_was_slow_to_come_in_does_not_bring_a_tenants_old_rules_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A body may take fifteen seconds, and a call wait in line for longer: by then its tenant may be another.
    """
    old = tenant("a")
    new = replace(old, settings=replace(NO_KEY, redact_pii=True), tokens=(digest("new"),))
    files = Files({"a": old})
    async with open_directory(files, monkeypatch) as directory:
        files.write(new)
        await until_known(directory, "new", known=True)
        assert await directory.endpoint(old) is None
        assert await directory.endpoint(new)


async def test_a_request_that_was_slow_to_come_in_does_not_bring_back_a_tenant_who_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone, stays = tenant("gone"), tenant("stays")
    files = Files({"gone": gone, "stays": stays})
    async with open_directory(files, monkeypatch) as directory:
        files.write(stays)
        await until_known(directory, "gone", known=False)
        assert await directory.endpoint(gone) is None
        files.write(tenant("next"))
        await until_known(directory, "next", known=True)
