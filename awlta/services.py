"""Services as child processes: found by entry point, started when first needed.

A child ends when its standard input closes, so it cannot outlive the process that started it,
however that process ends.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from .errors import ConfigError, Unreachable

START_SECONDS = 30.0


def find_service(name: str) -> Callable[[list[str]], int]:
    """Return the main function of a service; raise ConfigError where it is not installed."""
    found = {e.name: e for e in importlib.metadata.entry_points(group="awlta.services")}
    if name not in found:
        raise ConfigError(
            f"There is no service {name!r}", expected=f"one of {', '.join(sorted(found))}"
        )
    return cast(Callable[[list[str]], int], found[name].load())


class Child:
    """One service as a child process.

    Parameters
    ----------
    name : str
        Name of the entry point in ``awlta.services``.
    arguments : sequence of str
    log : Path
        File that takes its standard error.

    Raises
    ------
    Unreachable
        It did not become ready; the end of its log is quoted.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "awlta", "serve", name, *arguments, "--with-parent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.url = self._wait_ready(log)

    def _wait_ready(self, log: Path) -> str:
        stdout = cast(IO[bytes], self._process.stdout)
        line: list[bytes] = []
        reader = threading.Thread(target=lambda: line.append(stdout.readline()), daemon=True)
        reader.start()
        reader.join(START_SECONDS)
        try:
            return str(json.loads(line[0])["url"])
        except (IndexError, ValueError, KeyError):
            self.stop()
            tail = log.read_text(errors="replace")[-1000:].strip()
            raise Unreachable(
                f"The {self.name} did not start: {tail or 'it said nothing'}",
                do=f"Its log is {log}",
            ) from None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def has_left(self) -> bool:
        """Whether the process ended well at once, since another one does its work."""
        try:
            return self._process.wait(0.3) == 0
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        """End the process and wait for it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
