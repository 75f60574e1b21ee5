"""The zygote: one process that has imported everything, and forks a runner for each order.

A runner that is started from nothing spends more than a second on imports; a forked one, a few
milliseconds. Every runner is a process of its own all the same: it starts from the same state,
and what it does to itself, or what is done to it, ends with it.

On standard input come lines of JSON, ``{"arguments": [...], "log": PATH}``; on standard output go
``{"ready": RELEASE}`` once, ``{"forked": PID}`` for each line, in order, and later
``{"ended": PID, "code": CODE}``. When standard input ends all runners are killed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import traceback
from contextlib import suppress

import h5py  # noqa: F401  # imported here so that runners need not
import numpy as np

from awlta.errors import BadValue
from awlta.lineage import DataProduct
from awlta.lineage.making.activity import environment_values, instruction_set
from awlta.lineage.recipes.packages import load_recipes, recipe_packages
from awlta.lineage.recipes.sources import running_release
from awlta.persistent import registry

from . import runner


def main() -> int:
    """Import everything, then fork runners until standard input ends."""
    # What is loaded stays for good: to search it for cycles is time lost, here and in runners.
    gc.disable()
    load_recipes()
    release = _warm_up()
    gc.freeze()
    gc.enable()
    _say({"ready": release})
    # The end of this pipe tells a runner that the zygote is gone, even if it was killed.
    life, held = os.pipe()
    runners: dict[int, int] = {}
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in runners:
                    selector.unregister(key.fd)
                    _bury(runners.pop(key.fd), key.fd)
                    continue
                block = os.read(0, 65536)
                if not block:
                    _kill(list(runners.values()))
                    return 0
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    pid = _fork(line, release, life, held)
                    runners[handle := os.pidfd_open(pid)] = pid
                    selector.register(handle, selectors.EVENT_READ)


def _warm_up() -> str:
    """Work out once what every runner would work out again; return the release's digest."""
    release = running_release(("awlta", *recipe_packages()))
    environment_values()
    instruction_set()
    for cls in list(registry.values()):
        if issubclass(cls, DataProduct) and cls.__recipe__ is not None:
            with suppress(BadValue):
                _ = cls.__recipe__.identity
    return release.digest


def _fork(line: bytes, release: str, life: int, held: int) -> int:
    """Fork a runner and tell its process id."""
    asked = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(held)
            code = _run(asked["arguments"], asked["log"], release, life)
        except BaseException:  # noqa: BLE001  # whatever it is, a fork does not go on as a zygote
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    # Both sides do it, so that the group is there for whichever comes first.
    with suppress(OSError):
        os.setpgid(pid, pid)
    _say({"forked": pid})
    return pid


def _run(arguments: list[str], log: str, release: str, life: int) -> int:
    """Be a runner: in a process group of its own, with the log as output."""
    os.setpgid(0, 0)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((life, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    # Every fork has the same state of NumPy's own generator; the standard library's is seeded.
    np.random.seed()
    return runner.run(runner.parse(arguments), release)


def _bury(pid: int, handle: int) -> None:
    os.close(handle)
    # While it is not waited for, no other process can have its number.
    _kill([pid])
    _, status = os.waitpid(pid, 0)
    _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _say(fact: dict[str, int | str]) -> None:
    os.write(1, json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    os._exit(main())  # there is nothing to put away
