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
    A server in *folder*; its databases are gone with it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL does not run as root
        self._initdb, self._pg_ctl = _find("initdb"), _find("pg_ctl")
        self._numbers = count()

    def create(self) -> None:
        if self._user:
            shutil.chown(self.folder, self._user)
        how = ("-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        self._run(self._initdb, *how)

    def start(self) -> None:
        """
        Start it, so that nobody can reach it over the network.
        """
        self._run(self._pg_ctl, "-w", "-o", f"-c listen_addresses= -k {self.folder} {HURRY}", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run(self._pg_ctl, "-w", "-m", mode, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [program, "-D", str(self.folder / "data"), *arguments]
        quiet = subprocess.DEVNULL
        subprocess.run(command, user=self._user, cwd=self.folder, check=True, stdout=quiet, stderr=quiet)

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
    Create and start a server, and stop it at the end.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a socket's path holds 107 characters at most
    try:
        cluster = Cluster(folder)
        cluster.create()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)
