"""Pictures of products: a figure without a screen, its bytes, and what serves for any product."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from io import BytesIO
from typing import Any

from .files.block import NAME

_MOST_LINES = 44
_LONGEST_LINE = 96


def new_figure() -> Any:
    """Return an empty matplotlib Figure that needs no screen."""
    # matplotlib takes half a second to import, and most who make products draw none.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.0), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(product: Any, draw: Any) -> bytes:
    """Return the picture that a function draws of a product; its bytes tell no time."""
    import matplotlib.style

    with matplotlib.style.context("default"):
        figure = new_figure()
        draw(product, figure)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def sketch(product: Any, figure: Any) -> None:
    """Draw what can be said of any product: its values, its inputs, what is in its files."""
    lines = [*_values(product), "", *_inputs(product), *_files(product)]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"... {len(lines) - _MOST_LINES + 1} more lines"]
    figure.suptitle(f"{type(product).__name__} {product.object_id}", fontsize=11)
    text = "\n".join(line[:_LONGEST_LINE] for line in lines)
    figure.text(0.03, 0.92, text, family="monospace", fontsize=8, va="top", parse_math=False)


def _values(product: Any) -> list[str]:
    lines = []
    for name, attribute in type(product).__attributes__.items():
        if attribute.source != "class":
            continue
        unit = f" {attribute.unit}" if attribute.unit else ""
        lines.append(f"{name:<24} {_words(getattr(product, name))}{unit}")
    return lines


def _words(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if hasattr(value, "shape"):
        return f"array of {value.shape}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _inputs(product: Any) -> list[str]:
    return [f"{role:<24} {target!r}" for role, _, target in product.linked(inputs_only=True)]


def _files(product: Any) -> list[str]:
    lines = []
    for record in product.files:
        lines += ["", f"{record.role:<24} {record.name}, {record.size} bytes"]
        if record.name.endswith(".h5"):
            lines += _tree(product.retrieve(role=record.role))
    return lines


def _tree(path: Any) -> list[str]:
    """Return the datasets of an HDF5 file with their shapes."""
    # h5py takes a tenth of a second, and only those who look need it
    import h5py

    lines: list[str] = []

    def enter(name: str, item: Any) -> None:
        if name == NAME:
            return
        depth = "  " * (name.count("/") + 1)
        what = f"{item.dtype.name} {item.shape}" if isinstance(item, h5py.Dataset) else ""
        lines.append(f"{depth}{name.rsplit('/', 1)[-1]:<22} {what}".rstrip())

    with h5py.File(path, "r") as file:
        file.visititems(enter)
    return lines
