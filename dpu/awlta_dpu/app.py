"""The HTTP face of the front-end: thin handlers, the token, and errors as JSON."""

from __future__ import annotations

import hmac
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web

from awlta.errors import (
    AlreadyMade,
    AwltaError,
    BadInput,
    BadValue,
    Fault,
    LeaseLost,
    NameTaken,
    NotFound,
    Refused,
    StorageFault,
)
from awlta.processing import JobState

from .front import Front

LARGEST = 64 << 20
"""Bytes of a request at most: some 50,000 orders, or a product with large arrays."""

LONGEST_WAIT = 30.0

FRONT = web.AppKey("front", Front)
TOKEN = web.AppKey("token", bytes)

_STATUS: dict[type[AwltaError], int] = {
    NotFound: 404,
    AlreadyMade: 409,
    NameTaken: 409,
    LeaseLost: 409,
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("awlta.dpu")


def application(front: Front, token: bytes) -> web.Application:
    """Return the web application of a front-end.

    Parameters
    ----------
    front : Front
    token : bytes
        The bearer token that every request must carry.
    """
    app = web.Application(middlewares=[_errors_as_json, _rights], client_max_size=LARGEST)
    app[FRONT] = front
    app[TOKEN] = token
    app.router.add_get("/", health)
    app.router.add_post("/orders", place)
    app.router.add_get("/jobs", jobs)
    app.router.add_get("/jobs/{id}", job)
    app.router.add_get("/jobs/{id}/log", log)
    app.router.add_post("/jobs/{id}/cancel", cancel)
    app.router.add_get("/orders/{id}", take)
    window = front.window
    app.router.add_post("/orders/{id}/objects", _step(window.objects))
    app.router.add_post("/orders/{id}/links", _step(window.links))
    app.router.add_post("/orders/{id}/standing", _step(window.standing))
    app.router.add_post("/orders/{id}/begin", _step(window.begin))
    app.router.add_post("/orders/{id}/storing", _step(window.storing))
    app.router.add_post("/orders/{id}/verified", _step(window.verified))
    app.router.add_post("/orders/{id}/archive", _step(window.archive))
    app.router.add_post("/orders/{id}/fail", _step(window.fail))
    return app


async def health(request: web.Request) -> web.Response:
    """Tell that the service lives, and what it has to do."""
    return await _answer(request, request.app[FRONT].desk.health)


async def place(request: web.Request) -> web.Response:
    """Queue orders."""
    return await _answer(request, request.app[FRONT].desk.place, await _body(request))


async def job(request: web.Request) -> web.Response:
    """Tell how a job fares."""
    return await _answer(request, request.app[FRONT].desk.job, _id(request))


async def log(request: web.Request) -> web.Response:
    """Show the end of a job's log."""
    return await _answer(request, request.app[FRONT].desk.log, _id(request))


async def cancel(request: web.Request) -> web.Response:
    """Cancel a job."""
    return await _answer(request, request.app[FRONT].desk.cancel, _id(request))


async def take(request: web.Request) -> web.Response:
    """Give a runner its order."""
    attempt, release = _number(request, "attempt"), request.query.get("release", "")
    return await _answer(request, request.app[FRONT].window.take, _id(request), attempt, release)


def _step(step: Callable[[str, Any], dict[str, Any]]) -> _Handler:
    """Return the handler of one of a runner's requests."""

    async def handler(request: web.Request) -> web.Response:
        return await _answer(request, step, _id(request), await _body(request))

    return handler


async def _answer(
    request: web.Request, work: Callable[..., dict[str, Any]], *arguments: Any
) -> web.Response:
    return web.json_response(await request.app[FRONT].ask(work, *arguments))


async def jobs(request: web.Request) -> web.Response:
    """List the jobs that changed after a revision; with ``wait``, once there are any."""
    wanted = request.query.get("state")
    try:
        state = None if wanted is None else JobState(wanted)
    except ValueError:
        states = ", ".join(s.value for s in JobState)
        raise BadValue(f"state = {wanted!r}", expected=f"one of {states}") from None
    wait = min(_seconds(request), LONGEST_WAIT)
    found = await request.app[FRONT].changes(_number(request, "after"), state, wait)
    return web.json_response(found)


def _id(request: web.Request) -> str:
    return request.match_info["id"]


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if len(text) < 19 and text.isascii() and text.isdigit():
        return int(text)
    raise BadValue(f"{name} = {text[:80]!r}", expected="a whole number, 0 or more")


def _seconds(request: web.Request) -> float:
    text = request.query.get("wait", "0")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise BadValue(f"wait = {text[:80]!r}", expected="seconds, 0 or more")
    return seconds


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The request is not JSON: {error}", expected="JSON, UTF-8") from None


@web.middleware
async def _rights(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Let nobody in without the token."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    raw = given.strip().encode(errors="surrogateescape")
    # In constant time, or the answer's delay would tell the token byte by byte.
    if hmac.compare_digest(raw, request.app[TOKEN]) and scheme == "Bearer":
        return await handler(request)
    raise Refused(
        "The token is not the right one" if given else "The request carries no token",
        expected="the bearer token of this DPU",
        do="Set the token in the profile; the operator has it",
        status=403 if given else 401,
    )


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a reply that tells what to do."""
    try:
        return await handler(request)
    except AwltaError as error:
        return _reply(error, _status_of(error))
    except web.HTTPException as error:
        refusal = Refused(
            f"{request.method} {request.path} is not served: {error.reason}",
            do="See docs/dpu.md",
        )
        return _reply(refusal, error.status)
    except ConnectionError:
        # The other side has gone: nobody is there to read a reply.
        raise
    except (OSError, sqlite3.Error) as error:
        _log.exception("%s %s failed", request.method, request.path)
        fault: Fault = StorageFault(
            f"The disk of the DPU front-end failed: {error}",
            do="Let the operator see its log, then try again",
        )
        return _reply(fault, 500)
    except Exception as error:  # noqa: BLE001  # a defect; whoever asks must be told
        _log.exception("%s %s failed", request.method, request.path)
        fault = Fault(f"The DPU front-end failed: {error!r}", do="Report this, with its log")
        return _reply(fault, 500)


def _reply(error: AwltaError, status: int) -> web.Response:
    headers = {hdrs.WWW_AUTHENTICATE: "Bearer"} if status == 401 else {}
    return web.json_response(error.to_json(), status=status, headers=headers)


def _status_of(error: AwltaError) -> int:
    if isinstance(error, Refused):
        given = error.facts.get("status", 403)
        return given if isinstance(given, int) else 403
    return _STATUS.get(type(error), 500 if isinstance(error, Fault) else 400)
