"""Draw a sky map as a picture whose bytes depend on the map only."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from .skymap import SkyMap


def draw(sky: SkyMap, *, title: str = "", marker: tuple[float, float] | None = None) -> bytes:
    """Return a PNG of the significance, on axes of offsets from the centre.

    Parameters
    ----------
    sky : SkyMap
    title : str
    marker : (float, float), deg, optional
        Ra and dec of a position to mark with a cross.
    """
    # matplotlib takes half a second to import, and most who make maps draw none.
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    geometry = sky.geometry
    half = 0.5 * geometry.n_bins * geometry.bin_size
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(6.4, 5.4), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        picture = axes.imshow(
            np.ma.masked_invalid(sky.significance),
            origin="lower",
            extent=(half, -half, -half, half),
            cmap="inferno",
            interpolation="nearest",
        )
        if marker is not None:
            row, column = geometry.bins_of(*marker)
            middle = 0.5 * (geometry.n_bins - 1)
            x, y = middle - float(column), float(row) - middle
            axes.plot(
                x * geometry.bin_size, y * geometry.bin_size, "+", color="cyan", markersize=14
            )
            axes.set_xlim(half, -half)
            axes.set_ylim(-half, half)
        axes.set_xlabel(f"offset in right ascension from {geometry.ra:.3f}° (deg)")
        axes.set_ylabel(f"offset in declination from {geometry.dec:+.3f}° (deg)")
        axes.set_title(title)
        figure.colorbar(picture, ax=axes, label="significance (standard deviations)")
        buffer = BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
