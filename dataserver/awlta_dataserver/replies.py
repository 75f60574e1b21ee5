"""Errors as they leave the dataserver: a status, and JSON that the client rebuilds."""

from __future__ import annotations

import errno
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from awlta.errors import (
    AwltaError,
    BadInput,
    BadName,
    BadValue,
    DigestMismatch,
    Fault,
    LeaseLost,
    NameTaken,
    NotFound,
    Refused,
    StorageFault,
)

_STATUS: dict[type[AwltaError], int] = {
    BadName: 400,
    BadInput: 400,
    BadValue: 400,
    Refused: 403,
    NotFound: 404,
    NameTaken: 409,
    LeaseLost: 409,
    DigestMismatch: 422,
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger("awlta.dataserver")


@web.middleware
async def errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a reply that tells what to do."""
    try:
        return await handler(request)
    except AwltaError as error:
        return error_reply(request, error)
    except web.HTTPException as error:
        refusal = Refused(
            f"{request.method} {request.path} is not served",
            expected="GET, HEAD, PUT, POST or DELETE on a name",
            do="See docs/dataserver.md",
        )
        return error_reply(request, refusal, error.status)
    except ConnectionError:
        # The other side has gone: nobody is there to read a reply.
        raise
    except (OSError, sqlite3.Error) as error:
        _log.exception("%s %s failed", request.method, request.path)
        return error_reply(request, _disk_fault(error))


def error_reply(
    request: web.Request,
    error: AwltaError,
    status: int | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Return an error as JSON, for HEAD in a header since its reply has no body."""
    status = status or _status_of(error)
    headers = headers or {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    record = json.dumps(error.to_json())
    if request.method == hdrs.METH_HEAD:
        return web.Response(status=status, headers={**headers, "X-Awlta-Error": record})
    return web.Response(
        status=status, headers=headers, text=record, content_type="application/json"
    )


def _disk_fault(error: OSError | sqlite3.Error) -> StorageFault:
    """Tell a fault of the disk or the index, and whether it is only full."""
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    else:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return StorageFault(
        f"The dataserver's disk failed: {getattr(error, 'strerror', None) or error}",
        expected="a disk that can be read and written, with room",
        do="Store it on another dataserver, or let the operator free space"
        if full
        else "Let the operator see the log of the dataserver, then try again",
        full=full,
    )


def _status_of(error: AwltaError) -> int:
    if isinstance(error, Refused):
        given = error.facts.get("status", 403)
        return given if isinstance(given, int) else 403
    if isinstance(error, StorageFault) and error.facts.get("full"):
        return 507
    return _STATUS.get(type(error), 500 if isinstance(error, Fault) else 400)
