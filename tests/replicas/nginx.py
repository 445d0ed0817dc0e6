"""
nginx as `deploy/` configures it, as an ordinary process in a folder of its own.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template

import pytest

TEMPLATE = Path(__file__).parents[2] / "deploy" / "nginx.conf.template"
PATIENCE = 30  # seconds
AS_MANY_AS_THEY_LIKE = {"PROXY_RATE": "10000r/s", "PROXY_BURST": "10000", "PROXY_CONNECTIONS": "10000"}


class Proxy:
    """
    A running nginx at *url*, whose access log is the file *log*.
    """

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log


@contextmanager
def running_nginx(upstreams: Sequence[str], **settings: str) -> Iterator[Proxy]:
    """
    Start nginx before *upstreams*, which are URLs, and stop it at the end; skips where there is none.

    *settings* are values of the template that differ from those of the tests, which limit nobody.
    """
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        pytest.skip("nginx is not installed")
    folder = Path(tempfile.mkdtemp(prefix="nginx"))
    user = "nobody" if os.geteuid() == 0 else None  # as in its container, it is nobody special
    if user:
        shutil.chown(folder, user)
    port = free_port()
    try:
        configuration = folder / "nginx.conf"
        configuration.write_text(fill_in(folder, port, upstreams, settings))
        configuration.chmod(0o644)
        command = [program, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
        with (folder / "stderr").open("w") as said:
            process = subprocess.Popen(command, user=user, cwd=folder, stderr=said)
        try:
            wait_for(port, process, folder / "stderr")
            yield Proxy(f"http://127.0.0.1:{port}", folder / "access.log")
        finally:
            process.terminate()
            process.wait(PATIENCE)
    finally:
        shutil.rmtree(folder)


def fill_in(folder: Path, port: int, upstreams: Sequence[str], settings: dict[str, str]) -> str:
    """
    The template with its values, as `envsubst` writes it: other words with a dollar sign stay.
    """
    servers = (url.removeprefix("http://") for url in upstreams)
    values = {
        "PROXY_FOLDER": str(folder),
        "PROXY_ACCESS_LOG": str(folder / "access.log"),
        "PROXY_LISTEN": f"127.0.0.1:{port}",
        "PROXY_TLS": "",
        "PROXY_RESOLVER": "127.0.0.1",
        "PROXY_UPSTREAMS": " ".join(f"server {server} max_fails=1 fail_timeout=1s;" for server in servers),
    }
    return Template(TEMPLATE.read_text()).safe_substitute(values | AS_MANY_AS_THEY_LIKE | settings)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]", said: Path) -> None:
    """
    Wait until *process* listens: its listening socket is inherited by workers that may come a moment later.
    """
    for _ in range(PATIENCE * 20):
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
        else:
            raise AssertionError(f"nginx has not started: {said.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("nginx does not listen")
