"""
A process that says where it listens, and is ended by whoever started it.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 60  # seconds that a process may take to start or to end


class Process:
    """
    A process that runs *command* with *environment*, and writes its complaints to *log*.

    Once it is started, *url* is the first address on its standard output.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = list(command), environment, log
        self.home = Path(environment["HOME"])
        self._popen: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        """
        Start it, at the port of last time if there was one, and wait until it listens.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        port = self.url.rpartition(":")[2] or "0"
        command = [port if word == "PORT" else word for word in self._command]
        with self._log.open("a") as log:
            self._popen = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def wait(self) -> None:
        """
        Wait until it listens.
        """
        assert self._popen
        assert self._popen.stdout
        for line in self._popen.stdout:
            if found := re.search(r"http://[\d.]+:\d+", line):
                self.url = found[0]
                return
        raise AssertionError(f"{self._command} has not started: {self._log.read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        assert self._popen
        return self._popen.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self) -> int:
        """
        Wait for its end and return its exit status.
        """
        assert self._popen
        assert self._popen.stdout
        status = self._popen.wait(PATIENCE)
        self._popen.stdout.close()
        return status

    def kill(self) -> None:
        """
        End it as a crash does.
        """
        self.signal(signal.SIGKILL)
        self.ended()

    def terminate(self) -> int:
        """
        Ask it to end, and return its exit status.
        """
        self.signal(signal.SIGTERM)
        return self.ended()

    def stop(self) -> None:
        """
        End it if it runs.
        """
        if self._popen and self._popen.returncode is None:
            self.kill()
