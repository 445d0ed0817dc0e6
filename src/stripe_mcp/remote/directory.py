"""
The tenants as they are now, each with an endpoint of its own.

Rule: tenants share the process and the database, and nothing that a call touches. A tenant that is
changed gets a new endpoint; the old one ends when what came in before has ended.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from mcp.server.auth.provider import AccessToken

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.remote.tenants import OWN, Tenant
from stripe_mcp.remote.tokens import StaticTokens

_LOOKS_EVERY = 2  # seconds between two looks at the files
_PATIENCE = 60  # seconds for the calls of a tenant that was changed: longer than a call's deadline

log = logging.getLogger(__name__)


class Directory:
    """
    The *tenants*, read anew by *read* when what *watched* tells of their files has changed; *build* makes a
    tenant's endpoint.
    """

    def __init__(
        self,
        tenants: Mapping[str, Tenant],
        build: Callable[[Tenant], Endpoint],
        *,
        read: Callable[[], Mapping[str, Tenant]],
        watched: Callable[[Mapping[str, Tenant]], Any],
    ) -> None:
        self._build, self._read, self._watched = build, read, watched
        self._endpoints: dict[str, Endpoint] = {}
        self._opening = anyio.Lock()
        self._tasks: TaskGroup
        self._wanted = anyio.Event()
        self._seen = watched(tenants)
        self._told = ""
        self._take(tenants)

    def _take(self, tenants: Mapping[str, Tenant]) -> None:
        self._tenants = tenants
        self._tokens = StaticTokens(
            {digest: each.name for each in tenants.values() for digest in each.tokens}
        )
        self._of_subjects = {subject: each.name for each in tenants.values() for subject in each.subjects}

    async def verify_token(self, token: str) -> AccessToken | None:
        """
        Whose bearer token *token* is, if it is one of a tenant's.
        """
        return await self._tokens.verify_token(token)

    def tenant_of(self, token: AccessToken | None) -> Tenant | None:
        """
        The tenant that *token* stands for; without one, or where there is one account only, it is that.
        """
        if token is not None and token.subject is None:
            return self._tenants.get(token.client_id)
        name = self._of_subjects.get(str(token.subject), OWN) if token else OWN
        return self._tenants.get(name)

    async def endpoint(self, tenant: Tenant) -> Endpoint | None:
        """
        The endpoint of *tenant*, which is opened at its first request; None if the tenant is no longer what
        it was when the request came in, as a body and a wait in line take their time.
        """
        if tenant.name not in self._endpoints:
            await self._open(tenant)
        return self._endpoints[tenant.name] if self._is_current(tenant) else None

    async def _open(self, tenant: Tenant) -> None:
        async with self._opening:
            if tenant.name not in self._endpoints and self._is_current(tenant):
                endpoint = self._build(tenant)
                await self._tasks.start(endpoint.run)
                self._endpoints[tenant.name] = endpoint

    def _is_current(self, tenant: Tenant) -> bool:
        return self._tenants.get(tenant.name) == tenant

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """
        Keep the endpoints, and the tenants up to date, until `close`.
        """
        async with anyio.create_task_group() as self._tasks:
            task_status.started()
            while True:
                with anyio.move_on_after(_LOOKS_EVERY):
                    await self._wanted.wait()
                await self._look()

    def reload(self) -> None:
        """
        Look at the files now.
        """
        self._wanted.set()

    async def _look(self) -> None:
        """
        Read the tenants anew if their files have changed, or if somebody asked. Those that there are stay for
        as long as what is written cannot be used, or is still being written.
        """
        asked, self._wanted = self._wanted.is_set(), anyio.Event()
        seen = await self._fingerprint()
        if seen == self._seen and not asked:
            return
        try:
            tenants = await anyio.to_thread.run_sync(self._read)
        except ConfigurationError as error:
            if str(error) != self._told:
                log.error("the tenants stay as they were: %s", error)
            self._told = str(error)
            return
        if seen == await self._fingerprint():
            # What is opened meanwhile is that of a tenant before the change, or after it.
            async with self._opening:
                self._change(tenants)
            self._seen = await self._fingerprint()

    async def _fingerprint(self) -> Any:
        return await anyio.to_thread.run_sync(self._watched, self._tenants)

    def _change(self, tenants: Mapping[str, Tenant]) -> None:
        for name in [name for name in self._endpoints if self._tenants[name] != tenants.get(name)]:
            self._tasks.start_soon(self._endpoints.pop(name).close, _PATIENCE)
        self._take(tenants)
        self._told = ""
        log.warning("the tenants were read anew: %d", len(tenants))

    async def close(self, patience: float = 0) -> None:
        """
        End all sessions: when their calls are answered, or after *patience* seconds.
        """
        async with anyio.create_task_group() as closing:
            for endpoint in self._endpoints.values():
                closing.start_soon(endpoint.close, patience)
        self._tasks.cancel_scope.cancel()
