"""Start and stop the dataserver: ``awlta serve dataserver``, or under systemd."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sqlite3
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web

from awlta.digest import CHUNK
from awlta.errors import AwltaError, ConfigError

from .app import application
from .rights import Rights
from .store import Shelf

DRAIN = 600.0
"""Seconds that transfers may still take after SIGTERM; a second one ends them at once."""

DRAIN_OF_CHILD = 30.0
"""The same for a dataserver that belongs to a parent, which waits or has gone."""


def main(argv: list[str]) -> int:
    """Run a dataserver until SIGTERM; print one JSON line with its address when it is ready.

    Parameters
    ----------
    argv : list of str
        Arguments without the name of the program, see ``--help``.

    Returns
    -------
    int
        0 after an orderly end, 1 after a fault, 2 after a wrong argument.
    """
    options = _parser().parse_args(argv)
    # Standard output carries the one line that a parent waits for; all else goes here.
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(name)s %(message)s",
    )
    try:
        rights = _rights(options)
        asyncio.run(_serve(options, rights))
    except ConfigError as error:
        print(f"dataserver: {error}", file=sys.stderr)
        return 2
    except (AwltaError, OSError, sqlite3.Error) as error:
        print(f"dataserver: {options.root} on {options.host}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dataserver", description="Serve the files of one directory by their names."
    )
    parser.add_argument("--root", type=Path, required=True, help="directory of the files")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--workers", type=int, default=8, help="threads that wait for the disk")
    parser.add_argument("--token-file", type=Path, help="file that holds the bearer token")
    parser.add_argument(
        "--anonymous-read", action="store_true", help="let everyone read without a token"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    parser.add_argument(
        "--verbose", action="store_true", help="log one line a request to standard error"
    )
    return parser


def _rights(options: argparse.Namespace) -> Rights:
    """Read the token; without one, only this machine may come in."""
    if options.token_file is None:
        if not _is_loopback(options.host):
            raise ConfigError(
                f"{options.host} can be reached from outside and no token is set",
                expected="--token-file with any other address than 127.0.0.1",
                do="Write a long random word into a file and name it with --token-file",
            )
        return Rights(None, options.anonymous_read)
    try:
        token = options.token_file.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"The token file {options.token_file} cannot be read: {error.strerror}",
            expected="a file with one bearer token",
            do="Check its path and permissions",
        ) from error
    if not token:
        raise ConfigError(
            f"The token file {options.token_file} is empty",
            expected="a file with one bearer token",
            do="Write a long random word into it",
        )
    return Rights(token, options.anonymous_read)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _serve(options: argparse.Namespace, rights: Rights) -> None:
    """Listen, tell the address, wait for the end and drain."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, loop, ended)
    if options.with_parent:
        threading.Thread(target=_watch_parent, args=(loop, ended), daemon=True).start()
    runner = web.AppRunner(
        application(Shelf(options.root), rights, options.workers),
        # A body is stored as it came, whatever it says about its packing.
        auto_decompress=False,
        read_bufsize=CHUNK,
        shutdown_timeout=DRAIN_OF_CHILD if options.with_parent else DRAIN,
        access_log=logging.getLogger("aiohttp.access") if options.verbose else None,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
        host, port = runner.addresses[0][:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(json.dumps({"service": "dataserver", "url": url}), flush=True)
        await ended.wait()
    finally:
        await runner.cleanup()


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
