"""A revision of a recipe package is written from the differences, to be read by people."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import BadValue, ConfigError
from ..database import Database
from .differences import Cure, Difference, Step
from .evolution import compare
from .versions import belongs, check_revisions, newest

_WIDTH = 100
_LONGEST = 90
_INDENT = "    "

_BACK = {"add_table": "drop_table", "add_column": "drop_column", "add_index": "drop_index"}
"""What takes a step back; rows that were added go with their table."""


def write_revision(
    database: Database, package: str, folder: Path, text: str, new: Collection[str] = ()
) -> Path:
    """Write the revision that brings a database to the classes of a package; run nothing.

    A class that was never stored needs none: its table is made when it is first used.

    Parameters
    ----------
    database : Database
        A database with the tables as they were before the classes were changed.
    package : str
    folder : Path
        Folder of the revisions; made if need be.
    text : str
        What the revision is for, in one line.
    new : collection of str
        What is new although it could be something old under another name.

    Raises
    ------
    ConfigError
        The database is behind, or there is nothing to write.
    """
    title = _title(text)
    database.check()
    check_revisions(database, {package: folder})
    with database.read() as connection:
        found = [d for d in compare(connection, new) if belongs(d.package, package)]
    wanted = [d for d in found if d.cure is not Cure.NOBODY and not _is_made_on_use(d)]
    if not wanted:
        raise ConfigError(
            f"There is nothing to write: the tables are as the classes of {package} say",
            do="A new class, value of an Enum or optional link needs no revision",
        )
    before = newest(folder)
    number = f"{int(before or 0) + 1:04d}"
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower())[:40].strip("_") or "change"
    path = folder / f"{number}_{slug}.py"
    folder.mkdir(parents=True, exist_ok=True)
    with open(path, "x", encoding="utf-8") as stream:
        stream.write(_source(title, number, before, wanted))
    return path


def _is_made_on_use(difference: Difference) -> bool:
    return difference.kind == "table" and not difference.n_rows


def _title(text: str) -> str:
    title = " ".join(text.split()).rstrip(".")
    if not re.fullmatch(r'[^"\\]+', title) or len(title) > _LONGEST:
        raise BadValue(
            f"A revision cannot be named {text!r}",
            expected=f"up to {_LONGEST} characters, without quotation marks and backslashes",
        )
    return title[0].upper() + title[1:]


def _source(title: str, number: str, before: str | None, wanted: Sequence[Difference]) -> str:
    up = [line for d in wanted for line in _upgrade(d)]
    down = [line for d in reversed(wanted) for line in _downgrade(d)] or [f"{_INDENT}pass"]
    body = "\n".join(up + down)
    called = sorted(set(re.findall(r"^    (\w+)\(", body, re.MULTILINE)))
    before_text = "None" if before is None else f'"{before}"'
    return "\n".join(
        [
            f'"""{title}."""',
            "",
            _imported(called),
            "",
            f'revision = "{number}"',
            f"down_revision = {before_text}",
            "branch_labels = None",
            "depends_on = None",
            "",
            "",
            "def upgrade() -> None:",
            *up,
            "",
            "",
            "def downgrade() -> None:",
            *down,
            "",
        ]
    )


def _imported(names: Sequence[str]) -> str:
    line = f"from awlta.persistent.steps import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join(
        ["from awlta.persistent.steps import (", *(f"{_INDENT}{n}," for n in names), ")"]
    )


def _upgrade(difference: Difference) -> Iterator[str]:
    if difference.cure is Cure.MIGRATE:
        for step in difference.steps:
            yield call(step)
        return
    yield from _comment(str(difference))
    if difference.steps:
        yield from _comment("It may be, in whole or in part:")
    for step in difference.steps:
        yield from (f"{_INDENT}# {line}" for line in call(step, _WIDTH - 6).split("\n"))
    yield f'{_INDENT}undecided("{difference.place}")'


def _downgrade(difference: Difference) -> Iterator[str]:
    if difference.cure is not Cure.MIGRATE:
        yield f'{_INDENT}undecided("{difference.place}")'
        return
    for step in reversed(difference.steps):
        if step.name in _BACK:
            n_named = 1 if step.name == "add_table" else 2
            yield call(Step(_BACK[step.name], step.arguments[:n_named]))


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - 6, break_long_words=False, break_on_hyphens=False):
        yield f"{_INDENT}# {line}"


def call(step: Step, width: int = _WIDTH) -> str:
    """Return the line, or lines, that calls a step within a function."""
    words = [_code(a, width) for a in step.arguments]
    words += [f"{name}={_code(value, width)}" for name, value in step.options]
    line = f"{_INDENT}{step.name}({', '.join(words)})"
    if len(line) <= width and "\n" not in line:
        return line
    inner = "\n".join(f"{_INDENT * 2}{word}," for word in words)
    return f"{_INDENT}{step.name}(\n{inner}\n{_INDENT})"


def _code(value: Any, width: int) -> str:
    """Return an argument as Python, an item a line where one line does not hold it."""
    match value:
        case dict():
            items = [f"{_code(k, width)}: {_code(v, width)}" for k, v in value.items()]
            opened, closed = "{", "}"
        case list():
            items = [_code(v, width) for v in value]
            opened, closed = "[", "]"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case float() if value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        case _:
            return repr(value)
    line = f"{opened}{', '.join(items)}{closed}"
    if 2 * len(_INDENT) + len(line) < width:
        return line
    inner = "\n".join(f"{_INDENT * 3}{item}," for item in items)
    return f"{opened}\n{inner}\n{_INDENT * 2}{closed}"
