"""Tables, progress and JSON, the same for every verb."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console(highlight=False, soft_wrap=False)
"""Where text for people goes."""


def plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "shape"):
        return f"array of {value.shape}"
    if isinstance(value, float) and value != value:
        return None
    return value


def words(value: Any) -> str:
    """Return a value as people read it."""
    value = plain(value)
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, default=plain))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table."""
    shown = Table(title=title, title_justify="left", header_style="bold", show_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        # text of the outside world must not be read as markup
        shown.add_row(*(words(v).replace("[", "\\[") for v in row))
    console.print(shown)


def progress() -> Progress:
    """Return a progress display, shown only where a person watches."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
