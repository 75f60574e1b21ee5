"""Start and stop the DPU front-end: ``awlta serve dpu``, or under systemd."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from awlta import config
from awlta.config import Profile
from awlta.errors import AwltaError, ConfigError, Refused, Unreachable
from awlta.lineage import Workspace
from awlta.lineage.recipes.packages import load_recipes
from awlta.processing.lock import HomeLock, answers

from .app import application
from .books import Books
from .desk import Desk
from .front import Front
from .local import LocalCores

DRAIN = 600.0
"""Seconds that jobs may still take after SIGTERM; a second one ends them at once."""

DRAIN_OF_CHILD = 0.0
"""A front-end that belongs to a prompt queues its jobs again at once: its parent is leaving."""

PATIENCE = 20.0
"""Seconds to wait for another front-end of the home to come up or to go."""


def main(argv: list[str]) -> int:
    """Run a front-end until SIGTERM; print one JSON line with its address when it is ready.

    Parameters
    ----------
    argv : list of str
        Arguments without the name of the program, see ``--help``.

    Returns
    -------
    int
        0 after an orderly end, 1 after a fault, 2 after a wrong argument or profile.
    """
    options = _parser().parse_args(argv)
    # Standard output carries the one line that a parent waits for; all else goes here.
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(name)s %(message)s",
    )
    try:
        return _run(options)
    except ConfigError as error:
        print(f"dpu: {error}", file=sys.stderr)
        return 2
    except (AwltaError, OSError, sqlite3.Error) as error:
        print(f"dpu: {options.home} on {options.host}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dpu", description="Queue work orders and run them on the cores of this machine."
    )
    parser.add_argument("--home", type=Path, help="folder of the profile; default $AWLTA_HOME")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--token-file", type=Path, help="bearer token of this service; default that of the profile"
    )
    parser.add_argument(
        "--cores", type=_cores, default=len(os.sched_getaffinity(0)), help="runners at a time"
    )
    parser.add_argument("--dataserver", help="its URL; by default as the profile says")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    parser.add_argument("--verbose", action="store_true", help="log requests to standard error")
    return parser


def _cores(text: str) -> int:
    cores = int(text)
    if cores < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return cores


def _run(options: argparse.Namespace) -> int:
    load_recipes()
    profile = config.load(options.home)
    token = _token(profile, options.token_file)
    with closing(HomeLock(profile.home)) as lock:
        other = _wait_for(lock, token)
        if other is not None and not options.with_parent:
            raise Refused(
                f"A front-end at {other} serves {profile.home}", do="Use that one, or end it first"
            )
        if other is not None:
            # A second prompt of the same home works with the front-end of the first.
            _tell_ready(other)
            return 0
        with closing(Workspace(profile)) as workspace:
            # Opened for its dataserver alone; the books have workspaces of their own.
            dataserver = options.dataserver or workspace.dataserver_url()
            served = replace(profile, dataserver=dataserver)
            asyncio.run(_serve(options, served, token, lock))
    return 0


def _token(profile: Profile, file: Path | None) -> str:
    if file is None:
        return profile.token
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The token file {file} cannot be read: {error}",
            expected="a file with one bearer token",
            do="Check its path and permissions",
        ) from error
    if not token or not token.isascii():
        raise ConfigError(f"The token file {file} holds no token", expected="one long random word")
    return token


def _wait_for(lock: HomeLock, token: str) -> str | None:
    """Take the lock and return None, or return the address of the front-end that has it."""
    end = time.monotonic() + PATIENCE
    while not lock.take():
        holder = lock.holder()
        if holder is not None and answers(holder[0], token):
            return holder[0]
        if time.monotonic() > end:
            raise Unreachable(
                f"Process {holder[1] if holder else '?'} holds {lock.path} and does not answer",
                do="End that process: no order is lost",
            )
        time.sleep(0.05)
    return None


def _tell_ready(url: str) -> None:
    print(json.dumps({"service": "dpu", "url": url}), flush=True)


async def _serve(options: argparse.Namespace, profile: Profile, token: str, lock: HomeLock) -> None:
    """Open the books, listen, tell the address, keep jobs running, and drain at the end."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, loop, ended)
    if options.with_parent:
        threading.Thread(target=_watch_parent, args=(loop, ended), daemon=True).start()
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # Bound before anything is built: runners are told the address.
    with (
        socket.create_server((options.host, options.port), family=family) as door,
        ThreadPoolExecutor(1, "books") as worker,
    ):
        url = _address(door)
        arguments = ["--front-end", url, "--dataserver", profile.dataserver]
        arguments += ["--token-file", str(options.token_file or profile.token_file)]
        books = await loop.run_in_executor(worker, Books, profile)
        scratch = profile.home / "dpu-scratch"
        back_end = LocalCores(arguments, books.release, scratch, options.cores)
        desk = Desk(books, back_end)
        front = Front(books, desk, back_end.poll_seconds, worker)
        try:
            await front.ask(desk.recover)
            runner = web.AppRunner(
                application(front, token.encode()),
                shutdown_timeout=2.0,
                access_log=logging.getLogger("aiohttp.access") if options.verbose else None,
            )
            await runner.setup()
            await web.SockSite(runner, door).start()
            lock.tell(url)
            _tell_ready(url)
            await _keep(front, ended)
            await front.drain(DRAIN_OF_CHILD if options.with_parent else DRAIN)
            await runner.cleanup()
        finally:
            await front.ask(books.close)


def _address(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _keep(front: Front, ended: asyncio.Event) -> None:
    """Keep jobs running until the end is asked for."""
    keeper = asyncio.create_task(front.keep())
    end = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait({keeper, end}, return_when=asyncio.FIRST_COMPLETED)
    for task in (keeper, end):
        task.cancel()
    await asyncio.wait({keeper, end})
    if keeper in done:
        keeper.result()


def _end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    ended.set()
    # The second signal finds the system's own handling, and kills.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


def _watch_parent(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Wait for the end of standard input: a pipe closes even if the parent was killed."""
    while os.read(0, 4096):
        continue
    loop.call_soon_threadsafe(ended.set)
