"""Pictures for people who look at products: cameras, distributions, showers.

Each function draws into axes or a figure of matplotlib that it is given; no other is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_POINTS_OF_A_CAMERA = 210.0
"""Width of a camera in a picture of usual size, in points: by it pixels get their size."""


def camera(axes: Any, place: tuple[Any, Any] | None, values: Any, label: str) -> None:
    """Draw a value of every pixel; pixels without a number are left grey.

    Parameters
    ----------
    axes : matplotlib Axes
    place : (x, y) of arrays (n_pixels,), m, or None
        Where the pixels are. Without it they are drawn in a row.
    values : array (n_pixels,)
    label : str
        What is shown, with its unit.
    """
    values = np.ma.masked_invalid(np.asarray(values, np.float64))
    if place is None or place[0] is None:
        axes.plot(np.arange(len(values)), values, ".", markersize=2)
        axes.set_xlabel("pixel number")
        axes.set_ylabel(label)
        return
    x, y = (np.asarray(axis, np.float64) for axis in place)
    side = _POINTS_OF_A_CAMERA / max(1.0, np.sqrt(len(x)))
    axes.scatter(x, y, s=side**2, marker="h", color="0.85", linewidths=0)
    shown = axes.scatter(x, y, c=values, s=side**2, marker="h", cmap="viridis", linewidths=0)
    axes.set_aspect("equal")
    axes.set_xlabel("x in the camera (m)")
    axes.set_ylabel("y in the camera (m)")
    axes.figure.colorbar(shown, ax=axes, label=label)


def ellipse(axes: Any, mask: Any, place: tuple[Any, Any], row: Any) -> None:
    """Draw what cleaning kept of an image, and the ellipse and the axis of its Hillas parameters.

    Parameters
    ----------
    axes : matplotlib Axes
        With the image of the camera, in the unit of the place.
    mask : bool (n_pixels,)
    place : (x, y) of arrays (n_pixels,)
    row : mapping
        ``x``, ``y``, ``length`` and ``width`` in the unit of the place, ``psi`` in rad; it may be
        NaN, and then there is no ellipse.
    """
    # matplotlib takes half a second, and whoever has axes has it
    from matplotlib.patches import Ellipse

    x, y = (np.asarray(axis)[mask] for axis in place)
    side = _POINTS_OF_A_CAMERA / max(1.0, np.sqrt(len(mask)))
    axes.scatter(
        x, y, s=(0.9 * side) ** 2, marker="h", facecolor="none", edgecolor="white", linewidths=0.7
    )
    if not np.isfinite(row["length"]):
        return
    centre, angle = (row["x"], row["y"]), float(np.degrees(row["psi"]))
    for n_sigma in (1, 2):
        size = 2 * n_sigma * row["length"], 2 * n_sigma * row["width"]
        axes.add_patch(Ellipse(centre, *size, angle=angle, fill=False, color="tab:red"))
    axes.axline(centre, slope=np.tan(row["psi"]), color="tab:red", linewidth=0.8, linestyle="--")


def distribution(axes: Any, values: Any, label: str, *, logarithmic: bool = False) -> None:
    """Draw a histogram of numbers, those that are none left out.

    Parameters
    ----------
    axes : matplotlib Axes
    values : array
    label : str
        What is shown, with its unit.
    logarithmic : bool
        Bins of equal ratio, for what spans decades.
    """
    values = np.asarray(values, np.float64).ravel()
    values = values[np.isfinite(values) & ((values > 0) | (not logarithmic))]
    bins: Any = 40
    if logarithmic and len(values):
        low, high = values.min(), max(values.max(), values.min() * 1.001)
        bins = np.geomspace(low, high, 41)
        axes.set_xscale("log")
    axes.hist(values, bins=bins, color="tab:blue")
    axes.set_xlabel(label)
    axes.set_ylabel(f"number (of {len(values)})")


def per_gain(axes: Any, values: Any, label: str) -> None:
    """Draw histograms of one value a pixel, one for each gain.

    Parameters
    ----------
    axes : matplotlib Axes
    values : array (n_gains, n_pixels)
    label : str
    """
    names = ("high gain", "low gain") if len(values) == 2 else ("one gain",)
    for name, row in zip(names, np.asarray(values, np.float64), strict=True):
        axes.hist(row[np.isfinite(row)], bins=40, histtype="step", label=name)
    axes.set_xlabel(label)
    axes.set_ylabel("pixels")
    axes.legend()


def directions(axes: Any, lon: Any, lat: Any) -> None:
    """Draw where showers come from, in the field of view; deg."""
    axes.plot(lon, lat, ".", markersize=4)
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("longitude in the field of view (deg)")
    axes.set_ylabel("latitude in the field of view (deg)")


def cores(axes: Any, lon: Any, lat: Any, telescopes: Mapping[str, Sequence[float]]) -> None:
    """Draw where the axes of showers cross the plane across the pointing, with telescopes; m."""
    axes.plot(lon, lat, ".", markersize=4, label="cores")
    for name, (x, y) in telescopes.items():
        axes.plot(x, y, "^", color="tab:red", markersize=8)
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(5, 5), fontsize=7)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("core, towards longitude (m)")
    axes.set_ylabel("core, towards latitude (m)")


def significances(axes: Any, values: Any) -> None:
    """Draw the significances of all bins, with the normal distribution of pure background."""
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    low, high = (-5.0, 5.0) if not len(values) else (min(-5, values.min()), max(5, values.max()))
    edges = np.linspace(low, high, 61)
    axes.hist(values, bins=edges, color="tab:blue", label="bins of the map")
    middle = 0.5 * (edges[1:] + edges[:-1])
    normal = np.exp(-0.5 * middle**2) / np.sqrt(2 * np.pi) * (edges[1] - edges[0])
    axes.plot(middle, len(values) * normal, color="tab:red", label="background alone")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.set_xlabel("significance (standard deviations)")
    axes.set_ylabel("bins")
    axes.legend()
