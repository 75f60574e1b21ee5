"""The HTTP face of the shelf: thin handlers, rights, and errors as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import BinaryIO, TypeVar

from aiohttp import hdrs, web

import awlta
from awlta.digest import CHUNK, Digests
from awlta.errors import BadInput, BadValue, NotFound
from awlta.storage.names import check_name

from .part import Part
from .ranges import parse_range
from .replies import error_reply, errors_as_json
from .rights import Rights
from .store import Shelf

SMALL = 64 << 10
"""Bytes up to which a file is read in the handler; a thread for each costs three times more."""

MOST_NAMES = 10_000
"""Names in one listing at most."""

_LARGEST_JSON = 64 << 10

_T = TypeVar("_T")
_log = logging.getLogger("awlta.dataserver")


SHELF = web.AppKey("shelf", Shelf)
RIGHTS = web.AppKey("rights", Rights)
WORKERS = web.AppKey("workers", ThreadPoolExecutor)
SWEEP = web.AppKey("sweep", asyncio.Future)


def application(shelf: Shelf, rights: Rights, n_workers: int) -> web.Application:
    """Return the web application that serves a shelf; it sweeps the shelf when it starts.

    Parameters
    ----------
    shelf : Shelf
        The files; closed with the application.
    rights : Rights
        Who may do what.
    n_workers : int
        Threads that wait for the disk, so many transfers can be written at a time.
    """
    app = web.Application(middlewares=[errors_as_json], client_max_size=_LARGEST_JSON)
    app[WORKERS] = ThreadPoolExecutor(n_workers, "shelf")
    app[SHELF] = shelf
    app[RIGHTS] = rights
    app.on_startup.append(_start)
    app.on_cleanup.append(_stop)
    app.router.add_get("/", health)
    app.router.add_get("/names", names)
    app.router.add_post("/names/{name}", set_aside)
    app.router.add_get("/names/parts", parts)
    app.router.add_post("/names/parts/{name}", set_part_aside)
    # Names with a slash or a newline come here as well, to be told what is wrong with them.
    anything = "/{name:(?s:.+)}"
    app.router.add_get(anything, get)
    app.router.add_put(anything, put)
    app.router.add_post(anything, publish)
    app.router.add_delete(anything, remove)
    return app


async def health(request: web.Request) -> web.Response:
    """Tell that the service lives, and how full it is."""
    sweep = request.app[SWEEP]
    return web.json_response(
        {
            "service": "dataserver",
            "version": awlta.__version__,
            **request.app[SHELF].totals(),
            "swept": sweep.done(),
        }
    )


async def names(request: web.Request) -> web.Response:
    """List the acknowledged files behind ``after``, ``limit`` at a time."""
    _check(request, writes=False)
    limit = min(_whole_number(request.query.get("limit", "1000"), "limit"), MOST_NAMES)
    after = request.query.get("after", "")
    held = await _in_worker(request, lambda: request.app[SHELF].names(after, limit))
    more = len(held) == limit and limit > 0
    return web.json_response(
        {
            "names": [{"name": h.name, **vars(h.digests)} for h in held],
            "next": held[-1].name if more else None,
        }
    )


async def parts(request: web.Request) -> web.Response:
    """List the parts, on their way in or left."""
    _check(request, writes=False)
    found = await _in_worker(request, request.app[SHELF].parts)
    return web.json_response({"parts": found})


async def set_aside(request: web.Request) -> web.Response:
    """Move a file to the quarantine and forget its name."""
    _check(request, writes=True)
    name = request.match_info["name"]
    await _in_worker(request, lambda: request.app[SHELF].set_aside(name))
    return web.json_response({"set_aside": name})


async def set_part_aside(request: web.Request) -> web.Response:
    """Move a part to the quarantine."""
    _check(request, writes=True)
    name = request.match_info["name"]
    await _in_worker(request, lambda: request.app[SHELF].set_part_aside(name))
    return web.json_response({"set_aside": name})


async def get(request: web.Request) -> web.StreamResponse:
    """Answer GET and HEAD: a file, one range of it, or that it has not changed."""
    shelf = request.app[SHELF]
    room = request.headers.get("X-Awlta-Room")
    _check(request, writes=room is not None)
    name = check_name(request.match_info["name"])
    held = shelf.known(name) or await _in_worker(request, lambda: shelf.find(name))
    if held is None:
        shelf.check_room(_whole_number(room or "0", "X-Awlta-Room"))
        raise NotFound(
            f"There is no file {name}",
            expected="a name that was stored here",
            do="Check the name, or ask another dataserver",
            name=name,
        )
    headers = {
        "ETag": f'"{held.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "X-Awlta-Sha256": held.sha256,
        "X-Awlta-Adler32": held.adler32,
    }
    if any(tag.value in (held.sha256, "*") for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    try:
        asked = _asked(request, headers["ETag"], held.size)
    except BadValue as error:
        return error_reply(request, error, 416, {"Content-Range": f"bytes */{held.size}"})
    if asked is not None:
        headers["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{held.size}"
    with shelf.open(name, held) as file:
        return await _send(request, file, asked or range(held.size), 206 if asked else 200, headers)


async def put(request: web.Request) -> web.Response:
    """Take the body into a part and answer its digests; the name stays unknown."""
    _check(request, writes=True)
    shelf = request.app[SHELF]
    name = check_name(request.match_info["name"])
    object_id = request.headers.get("X-Awlta-Object", "")
    attempt = _whole_number(request.headers.get("X-Awlta-Attempt", "1"), "X-Awlta-Attempt")
    size = request.content_length
    part = await _in_worker(request, lambda: shelf.begin(name, object_id, attempt, size))
    try:
        await _pour(request, part)
        digests = await _in_worker(request, lambda: shelf.finish(part))
    except BaseException:
        # Not awaited: at the end of a drain this task is being cancelled.
        request.app[WORKERS].submit(part.discard)
        raise
    return web.json_response(vars(digests), status=202)


async def publish(request: web.Request) -> web.Response:
    """Give a part its name, if the sender's digests are those of the part."""
    _check(request, writes=True)
    shelf = request.app[SHELF]
    name = check_name(request.match_info["name"])
    object_id = request.query.get("object", "")
    attempt = _whole_number(request.query.get("attempt", "1"), "attempt")
    promised = _promised(await request.read())
    is_new = await _in_worker(request, lambda: shelf.publish(name, object_id, attempt, promised))
    return web.json_response(vars(promised), status=201 if is_new else 200)


async def remove(request: web.Request) -> web.Response:
    """Remove a file for good, if it is the one that the sender means."""
    _check(request, writes=True)
    name = check_name(request.match_info["name"])
    sha256 = request.headers.get(hdrs.IF_MATCH, "").strip('"')
    if not sha256:
        raise BadInput(
            f"{name} is to be removed without saying which file that is",
            expected='its sha256 in If-Match, such as "9f86d0..."',
            do="Ask HEAD for its digests",
        )
    was_there = await _in_worker(request, lambda: request.app[SHELF].remove(name, sha256))
    return web.json_response({"removed": name, "was_there": was_there})


async def _start(app: web.Application) -> None:
    workers = app[WORKERS]
    # Beside the service: until it ends, a name that is asked for is mended on the spot.
    app[SWEEP] = asyncio.get_running_loop().run_in_executor(workers, _sweep, app[SHELF])


async def _stop(app: web.Application) -> None:
    app[SHELF].close()
    app[WORKERS].shutdown()


def _sweep(shelf: Shelf) -> None:
    try:
        n_files, n_parts = shelf.sweep()
    except (OSError, sqlite3.Error):
        _log.exception("The sweep at start broke off; names are mended as they are asked for")
        return
    if n_files or n_parts:
        _log.warning(
            "Swept: %d file(s) entered in the index, %d part(s) moved to .quarantine",
            n_files,
            n_parts,
        )


def _in_worker(request: web.Request, work: Callable[[], _T]) -> asyncio.Future[_T]:
    """Run what waits for the disk in a thread."""
    return asyncio.get_running_loop().run_in_executor(request.app[WORKERS], work)


def _check(request: web.Request, *, writes: bool) -> None:
    request.app[RIGHTS].check(request.headers.get(hdrs.AUTHORIZATION, ""), writes=writes)


def _asked(request: web.Request, tag: str, size: int) -> range | None:
    """Return the range that a request asks for, None if it is for the whole file."""
    if request.headers.get(hdrs.IF_RANGE, tag) != tag:
        return None
    return parse_range(request.headers.get(hdrs.RANGE), size)


async def _pour(request: web.Request, part: Part) -> None:
    """Move the body into a part: one block is written and digested while the next arrives."""
    written: asyncio.Future[None] | None = None
    batch: list[bytes] = []
    n_bytes = 0
    # Not `async for`: all requests without a body share one stream, which ends only once.
    while not request.content.at_eof():
        block, _ = await request.content.readchunk()
        batch.append(block)
        n_bytes += len(block)
        if n_bytes >= CHUNK:
            if written is not None:
                await written
            written = _in_worker(request, partial(part.append, batch))
            batch, n_bytes = [], 0
    if written is not None:
        await written
    await _in_worker(request, partial(part.append, batch))


async def _send(
    request: web.Request, file: BinaryIO, asked: range, status: int, headers: dict[str, str]
) -> web.StreamResponse:
    """Send a range of a file: small ones from memory, large ones by the kernel."""
    # aiohttp's FileResponse would tag by time, and serve NAME.gz for NAME where both are there.
    if request.method == hdrs.METH_HEAD:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(asked)
        return response
    if len(asked) <= SMALL:
        body = os.pread(file.fileno(), len(asked), asked.start)
        return web.Response(status=status, headers=headers, body=body)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(asked)
    await response.prepare(request)
    if request.transport is None:
        raise ConnectionResetError("the reader has gone")
    loop = asyncio.get_running_loop()
    await loop.sendfile(request.transport, file, asked.start, len(asked))
    await response.write_eof()
    return response


def _promised(body: bytes) -> Digests:
    """Read the sender's digests."""
    try:
        record = json.loads(body)
        return Digests(int(record["size"]), str(record["sha256"]), str(record["adler32"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"The body {body[:100]!r} does not hold the digests of a file",
            expected='JSON with "size", "sha256" and "adler32"',
            do="Send the digests that were taken while the file was sent",
        ) from error


def _whole_number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadValue(
            f"{what} is {text[:50]!r}",
            expected="a whole number",
            do="Mend the request",
        )
    return int(text)
