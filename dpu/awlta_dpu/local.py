"""The local back-end: a process a job, on the cores of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .backend import Task


class LocalCores:
    """Runners as child processes, each the leader of a process group of its own.

    Parameters
    ----------
    arguments : sequence of str
        Arguments that every runner gets: front-end, dataserver, token.
    scratch : Path
        Folder for the scratch folders of the runners.
    n_cores : int
    """

    poll_seconds = 0.1

    def __init__(self, arguments: Sequence[str], scratch: Path, n_cores: int) -> None:
        self.n_slots = n_cores
        self._arguments = list(arguments)
        self._scratch = scratch
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, task: Task) -> str:
        """Start a runner and return its name."""
        command = [sys.executable, "-m", "awlta", "serve", "runner", *self._arguments]
        command += ["--order", task.order_id, "--attempt", str(task.attempt)]
        command += ["--scratch", str(self._scratch / task.order_id), "--with-parent"]
        with open(task.log, "ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        name = f"{socket.gethostname()}:{child.pid}:{process_start(child.pid)}"
        self._children[name] = child
        return name

    def ended(self, runners: Sequence[str]) -> dict[str, str]:
        """Return those of some runners that are gone, each with how it ended."""
        found = {}
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is not None:
                found[name] = words(code)
                del self._children[name]
                if child.stdin is not None:
                    child.stdin.close()
        for name in set(runners) - set(found) - set(self._children):
            kill(name)
            found[name] = "went with the front-end that had started it"
        return found

    def cancel(self, runner: str) -> None:
        """Kill a runner with its process group, and wait for it."""
        kill(runner)
        child = self._children.pop(runner, None)
        if child is not None:
            child.wait()
            if child.stdin is not None:
                child.stdin.close()

    def close(self) -> None:
        """End whatever is running."""
        for name in list(self._children):
            self.cancel(name)


def process_start(pid: int) -> str:
    """Return when a process was started, in clock ticks; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rsplit(")", 1)[-1].split()
    return "" if fields[0] in "ZX" else fields[19]


def kill(runner: str) -> None:
    """Kill the process group of a runner, if it is that process still."""
    host, _, rest = runner.partition(":")
    pid, _, started = rest.partition(":")
    if host == socket.gethostname() and started and process_start(int(pid)) == started:
        try:
            os.killpg(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            return


def words(code: int) -> str:
    """Tell how a process ended by its exit code as subprocess gives it."""
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit status {code}"
