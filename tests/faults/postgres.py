"""
A PostgreSQL server of the tests' own, behind a socket in a temporary folder, and an empty database a test.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

HURRY = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


class Cluster:
    """
    A running server; its databases are gone with it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """
        The URL of a new one.
        """
        name = f"ledger{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def _find(program: str) -> str:
    # Debian has no link to them on the path.
    folders = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *reversed(folders)]))
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {program}")
    return str(Path(found).resolve())


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """
    Start a server, which nobody can reach over the network, and stop it at the end.
    """
    initdb, pg_ctl = _find("initdb"), _find("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path holds 107 characters at most
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    if user:
        shutil.chown(folder, user)
    data = str(folder / "data")

    def run(*command: str) -> None:
        subprocess.run(
            command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    try:
        run(
            initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"
        )
        run(pg_ctl, "-D", data, "-w", "-o", f"-c listen_addresses= -k {folder} {HURRY}", "start")
        try:
            yield Cluster(folder)
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
