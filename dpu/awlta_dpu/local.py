"""The local back-end: a process an order, on the cores of this machine."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from awlta.errors import ConfigError, Fault

from .backend import Task

START_SECONDS = 60.0
"""How long the zygote may take to import everything."""

KILL_SECONDS = 5.0
"""How long a killed process is waited for: the kernel may hold it in a write to a slow disk."""


class LocalCores:
    """Runners forked by a zygote, each the leader of a process group of its own.

    Parameters
    ----------
    arguments : sequence of str
        Arguments that every runner gets: front-end, dataserver, token.
    release : str
        Digest of the sources that runners must have.
    scratch : Path
        Folder for the scratch folders of the runners, which end with them.
    n_cores : int
    """

    poll_seconds = 0.1

    def __init__(self, arguments: Sequence[str], release: str, scratch: Path, n_cores: int) -> None:
        self.n_slots = n_cores
        self._arguments = list(arguments)
        self._scratch = scratch
        self._release = release
        self._zygote = Zygote()
        self._tasks: dict[str, tuple[Zygote, int, Path]] = {}

    def start(self, task: Task) -> str:
        """Start a runner and return its name, ``host:pid:start``.

        Raises
        ------
        Fault
            The zygote died; the next one may live.
        ConfigError
            The sources on the disk are no longer those of the front-end.
        """
        scratch = self._scratch / task.order_id
        arguments = [*self._arguments, "--order", task.order_id, "--attempt", str(task.attempt)]
        arguments += ["--scratch", str(scratch), "--with-parent"]
        if not self._zygote.is_alive:
            self._zygote.close()
            self._zygote = Zygote()
        if self._zygote.release() != self._release:
            raise ConfigError(
                "The sources have changed since the front-end was started",
                expected="the same awlta and recipes in the front-end and in its runners",
                do="Start it again; the queue is kept",
            )
        pid = self._zygote.fork(arguments, task.log)
        name = f"{socket.gethostname()}:{pid}:{process_start(pid)}"
        self._tasks[name] = (self._zygote, pid, scratch)
        return name

    def ended(self, runners: Sequence[str]) -> dict[str, str]:
        """Return those of some runners that are gone, each with how it ended."""
        codes = self._zygote.ended()
        found = {}
        for name, (zygote, pid, _) in self._tasks.items():
            if zygote is self._zygote and pid in codes:
                found[name] = words(codes[pid])
            elif not zygote.is_alive:
                found[name] = "went with the process that had forked it"
        for name in set(runners) - set(found) - set(self._tasks):
            found[name] = "went with the front-end that had started it"
        for name in found:
            self._clear(name)
        return found

    def cancel(self, runner: str) -> None:
        """Kill a runner with its process group; it is gone when this returns."""
        self._clear(runner)

    def close(self) -> None:
        """End whatever is running."""
        for name in list(self._tasks):
            self._clear(name)
        self._zygote.close()

    def _clear(self, name: str) -> None:
        """Kill what is left of a runner's process group, and remove its scratch folder."""
        kill(name)
        if name in self._tasks:
            _, _, scratch = self._tasks.pop(name)
            shutil.rmtree(scratch, ignore_errors=True)


class Zygote:
    """The front-end's end of a zygote process, see :mod:`awlta_dpu.zygote`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awlta_dpu.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            # As many runners as cores: none of them takes more than its own.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = self._process.stdin
        self._from = self._process.stdout
        self._rest = b""
        self._ready = ""
        self._forked: list[int] = []
        self._ended: dict[int, int] = {}

    @property
    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def fork(self, arguments: Sequence[str], log: Path) -> int:
        """Have a runner forked; return its process id.

        Raises
        ------
        Fault
            The zygote has died, or it imports for too long.
        """
        line = json.dumps({"arguments": list(arguments), "log": str(log)}) + "\n"
        with suppress(BrokenPipeError):
            self._to.write(line.encode())
            self._to.flush()
        self._wait_until(lambda: self._forked)
        return self._forked.pop(0)

    def release(self) -> str:
        """Return the digest of the sources that it has imported; raise Fault as fork does."""
        self._wait_until(lambda: self._ready)
        return self._ready

    def _wait_until(self, said: Callable[[], object]) -> None:
        end = time.monotonic() + START_SECONDS
        while not said():
            if not self._listen(end - time.monotonic()):
                self.close()
                raise Fault(
                    "The process that forks runners has ended or does not answer",
                    do="Its errors are in the log of the front-end",
                )

    def ended(self) -> dict[int, int]:
        """Return the exit codes of runners that have ended since it was last asked."""
        while self._listen(0.0):
            continue
        found, self._ended = self._ended, {}
        return found

    def _listen(self, seconds: float) -> bool:
        """Take in what the process says; tell whether it said anything."""
        if self._from.closed:
            return False
        if not select.select([self._from], [], [], max(seconds, 0.0))[0]:
            return False
        block = os.read(self._from.fileno(), 65536)
        *lines, self._rest = (self._rest + block).split(b"\n")
        for fact in map(json.loads, lines):
            if "forked" in fact:
                self._forked.append(fact["forked"])
            elif "ready" in fact:
                self._ready = fact["ready"]
            else:
                self._ended[fact["ended"]] = fact["code"]
        return bool(block)

    def close(self) -> None:
        """End the process and its runners, and wait for it."""
        if not self._ready:  # it still imports, and was not asked for a runner yet
            self._process.kill()
        with suppress(BrokenPipeError):
            self._to.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()


def process_start(pid: int) -> str:
    """Return when a process was started, in clock ticks; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rsplit(")", 1)[-1].split()
    return "" if fields[0] in "ZX" else fields[19]


def kill(runner: str) -> None:
    """Kill the process group of a runner, if its leader is that process still, and wait for it."""
    host, _, rest = runner.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not started or process_start(int(pid)) != started:
        return
    with suppress(ProcessLookupError):
        os.killpg(int(pid), signal.SIGKILL)
    end = time.monotonic() + KILL_SECONDS
    while process_start(int(pid)) == started and time.monotonic() < end:
        time.sleep(0.002)


def words(code: int) -> str:
    """Tell how a process ended by its exit code as subprocess gives it."""
    if code < 0:
        return f"was killed by signal {-code} ({signal.strsignal(-code)})"
    return f"ended with exit status {code}"
