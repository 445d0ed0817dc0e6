"""
The network under httpx's client through aiohttp, at half of the processor time: for a server of many calls.

Rule: an error says that nothing was sent only if no connection was made. Whatever breaks later is told as
broken, and nothing is sent a second time in here: aiohttp would repeat a DELETE by itself, and who repeats
a write has to know what may have become of it.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx
from aiohttp import (
    ClientConnectorError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

if TYPE_CHECKING:
    from aiohttp.connector import Connection

_CHUNK = 65_536  # bytes before decompression, as httpx reads them: what bounds a gzip bomb
_LONGEST_HEADER = 65_536  # bytes


class AiohttpTransport(httpx.AsyncBaseTransport):
    """
    Sends the requests of a client without proxies. A connection may idle for *keepalive* seconds.

    With *trust_env*, certificates that `SSL_CERT_FILE` or `SSL_CERT_DIR` name are trusted in place of the
    usual ones.

    Raises:
        OSError: Those cannot be read.
    """

    def __init__(self, *, trust_env: bool, keepalive: float) -> None:
        self._context = httpx.create_ssl_context(trust_env=trust_env)
        self._context.set_alpn_protocols(["http/1.1"])
        self._keepalive = keepalive
        self._session: ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* once.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: No connection was made, so nothing was sent.
            httpx.ReadError, httpx.ReadTimeout: It broke later, and Stripe may have it.
        """
        if self._session is None:  # made in the loop that it is for
            self._session = self._open()
        seconds = request.extensions["timeout"]
        response = await self._session.request(
            request.method,
            URL(str(request.url), encoded=True),  # as it stands: every escape was meant
            headers=[(name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw],
            data=request.content or None,
            timeout=ClientTimeout(connect=seconds["connect"], sock_read=seconds["read"]),
            allow_redirects=False,
        )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    def _open(self) -> ClientSession:
        return ClientSession(
            connector=_Connector(ssl=self._context, limit=0, keepalive_timeout=self._keepalive),
            cookie_jar=DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # httpx does it
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            middlewares=[_once],
        )

    async def aclose(self) -> None:
        """
        Close the connections.
        """
        if self._session is not None:
            await self._session.close()


class _Connector(TCPConnector):
    """
    Gives out only connections on which nothing was said unasked: it would be taken for the next answer.
    """

    async def connect(self, *args: Any, **options: Any) -> "Connection":
        while (connection := await super().connect(*args, **options)).protocol.should_close:  # type: ignore[union-attr]
            connection.close()
        return connection


async def _once(request: ClientRequest, send: ClientHandlerType) -> ClientResponse:
    """
    One attempt. Its errors are not aiohttp's, which would take some of them as its cue to try again.
    """
    try:
        return await send(request)
    except ClientConnectorError as error:
        raise httpx.ConnectError(type(error).__name__) from error
    except ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout(type(error).__name__) from error
    except Exception as error:
        raise _broken(error) from error


def _broken(error: Exception) -> httpx.TransportError:
    kind = httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError
    return kind(type(error).__name__)


class _Body(httpx.AsyncByteStream):
    """
    What comes in of *response*, which is left unread where it is not wanted any further.
    """

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_chunked(_CHUNK):
                yield chunk
        except Exception as error:
            raise _broken(error) from error

    async def aclose(self) -> None:
        self._response.close()  # the connection too, unless all has come in and it went back to the others
