"""
An ASGI application on loopback, for a client that speaks HTTP.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """
    Serve *app* on a port that the system picks, and give its address.
    """
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY on no other
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # from here on a client waits in the backlog, so nobody has to poll for the start
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        timeout_keep_alive=600,  # a client that pauses would meet a connection that is just being closed
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()
