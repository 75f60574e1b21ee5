"""Tables, progress and JSON, the same for every verb.

Texts come from the outside world too: a file name may hold what a terminal would obey, or what
rich would take for markup. Nothing is printed here without having been made harmless.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..processing.jobs import printable

console = Console(highlight=False, markup=False, emoji=False)
"""Where text for people goes."""

_NARROWEST_PROSE = 24


def plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "shape"):
        return f"array of {value.shape}"
    if isinstance(value, float) and value != value:
        return None
    return value


def words(value: Any) -> str:
    """Return a value as people read it; times are UTC."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    value = plain(value)
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, default=plain))


def say(text: str) -> None:
    """Print a text; the terminal wraps it, so that it can be copied whole."""
    console.print(Text(printable(text)), soft_wrap=True)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, n_prose: int = 0
) -> None:
    """Print a table.

    Parameters
    ----------
    title : str
    columns : sequence of str
    rows : iterable of sequence
    n_prose : int
        So many columns at the end hold sentences, which a terminal may fold. All others,
        such as identities, stay whole.
    """
    cells = [[_cell(v) for v in row] for row in rows]
    width = natural_width(columns, cells)
    if console.is_terminal and n_prose and width > console.width:
        kept = natural_width(columns[:-n_prose], [row[:-n_prose] for row in cells])
        width = max(console.width, kept + n_prose * _NARROWEST_PROSE)
    if title:
        say(title)
    wide = Console(width=max(width, 1), highlight=False, markup=False, emoji=False)
    wide.print(_grid(columns, cells, n_prose), crop=False)


def natural_width(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Return the columns of the terminal that a table takes if nothing is folded."""
    grid = _grid(columns, [[_cell(v) for v in row] for row in rows], 0)
    unbound = console.options.update(max_width=100_000)
    return Measurement.get(console, unbound, grid).maximum


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Text(words(value), justify="right" if is_number else "left")


def _grid(columns: Sequence[str], cells: Sequence[Sequence[Text]], n_prose: int) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        is_prose = number >= len(columns) - n_prose
        grid.add_column(Text(name), no_wrap=not is_prose, overflow="fold")
    for row in cells:
        grid.add_row(*row)
    return grid


def progress() -> Progress:
    """Return a progress display, shown only where a person watches."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
