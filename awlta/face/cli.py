"""The command ``awlta``: parse, do, and turn errors into words and exit codes."""

from __future__ import annotations

import atexit
import errno
import gc
import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword

from ..errors import AwltaError, BadValue, StorageFault, UserError
from .arguments import VERBS, parser

INTERRUPTED = 130

_WRONG_PATHS = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM}
    | {errno.EROFS, errno.ENAMETOOLONG}
)
"""What the system says to a path that the caller should not have named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 well, 1 fault of the system, 2 mistake of the call."""
    if arguments is None:
        # The process ends with this: its memory goes as a whole, and is not searched for cycles.
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["serve"] and len(words) > 1 and not words[1].startswith("-"):
        # a service has arguments of its own, which argparse would take for ours
        call = Namespace(verb="serve", service=words[1], arguments=words[2:], json=False)
    else:
        call = parser().parse_args(words)
    as_json = getattr(call, "json", False)
    if getattr(call, "home", None) is not None:
        os.environ["AWLTA_HOME"] = str(call.home)
    try:
        module = import_module(f".{VERBS[call.verb][1]}", __package__)
        # the function of a verb that Python keeps for itself has an underscore at its end
        name = call.verb + "_" * iskeyword(call.verb)
        code: int = getattr(module, name)(call)
        return code
    except AwltaError as error:
        _tell(error, as_json)
        return 2 if isinstance(error, UserError) else 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        kind = BadValue if error.errno in _WRONG_PATHS else StorageFault
        _tell(kind(f"{where}{error.strerror}", do="Check path, rights and disk"), as_json)
        return 2 if kind is BadValue else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _tell(error: AwltaError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.to_json()}))
    else:
        # loaded late, since --help must answer at once
        from ..processing.jobs import printable

        print(f"awlta: {printable(str(error))}", file=sys.stderr)
