"""What a recipe logs is heard and kept with its activity."""

from __future__ import annotations

import logging
from datetime import datetime

_log = logging.getLogger("awlta")

_kept: list[list[str]] = []
"""Where lines go: to the last one."""


class _Collector(logging.Handler):
    """Keeps what is logged as lines."""

    def emit(self, record: logging.LogRecord) -> None:
        if _kept:
            when = datetime.fromtimestamp(record.created).isoformat(timespec="seconds")
            line = f"{when} {record.levelname} {record.name}: {record.getMessage()}\n"
            _kept[-1].append(line)


_collector = _Collector(logging.INFO)


class Listening:
    """A block in which recipes are heard at INFO.

    To set it up costs as much as a small recipe, so it is done once for many
    (:meth:`~awlta.lineage.making.recording.Recording.together`); within it another does nothing.
    """

    _depth = 0

    def __enter__(self) -> None:
        if Listening._depth == 0:
            Listening._before = _log.level
            _log.setLevel(logging.INFO)
            logging.getLogger().addHandler(_collector)
        Listening._depth += 1

    def __exit__(self, *_: object) -> None:
        Listening._depth -= 1
        if Listening._depth == 0:
            logging.getLogger().removeHandler(_collector)
            _log.setLevel(Listening._before)

    _before = logging.NOTSET


class Hearing(Listening):
    """A block of which everything that is logged is kept in a list of lines."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def __enter__(self) -> None:
        super().__enter__()
        _kept.append(self._lines)

    def __exit__(self, *_: object) -> None:
        _kept.pop()
        super().__exit__()
