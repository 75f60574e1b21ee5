"""Draw cleaned.png: a made-up image, what tail cuts keep of it, and its ellipse.

python docs/images/cleaned.py
"""

# ruff: noqa: E402

import sys
from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.patches import Ellipse
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from cameras import CAMERAS, synthetic_events

from awlta import kernels

camera = CAMERAS[0]
geometry = camera.geometry()
events = synthetic_events(camera, geometry, 30)
pulses = kernels.extract_raw(events["waveforms"], events["pedestal"], events["dc_to_pe"])
sky = float(np.median(pulses.charge))
masks = kernels.tailcuts(pulses.charge, geometry.neighbors, sky + 6, sky + 3)
rows = kernels.describe(pulses.charge, masks, geometry, peak_time=pulses.peak_time)
best = np.argmax(np.where(rows["leakage_pixels_width_2"] == 0, rows["intensity"], 0))
row, mask = rows[best], masks[best]


def show(axes, chosen, values, label="", **line):
    """Draw hexagons of the size of the pixels, coloured by a value, told by a bar if labelled."""
    angles = np.pi / 6 + np.arange(6) * np.pi / 3
    radius = geometry.width[0] / np.sqrt(3)
    corner = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centres = np.stack([geometry.x, geometry.y], axis=1)[chosen]
    pixels = PolyCollection(centres[:, None] + corner, **line)
    if values is None:
        pixels.set(facecolor="none")
    else:
        pixels.set_array(values[chosen])
        if label:
            axes.figure.colorbar(pixels, ax=axes, label=label, shrink=0.8)
    axes.add_collection(pixels)
    axes.set_aspect("equal")
    axes.set_xlabel("x in the camera (m)")


everything = np.ones_like(mask)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
show(axes[0], everything, pulses.charge[best])
show(axes[1], everything, pulses.charge[best], "charge (p.e.)")
show(axes[1], mask, None, edgecolor="white", linewidth=0.9)
show(axes[2], everything, None, edgecolor="0.85", linewidth=0.5)
show(axes[2], mask, pulses.peak_time[best], "peak time (ns)")
axes[0].autoscale_view()
axes[0].set_ylabel("y in the camera (m)")

for picture, colour in zip(axes[1:], ("tab:red", "black"), strict=True):
    for n_sigma in (1, 2):
        size = 2 * n_sigma * row["length"], 2 * n_sigma * row["width"]
        angle = np.degrees(row["psi"])
        place = (row["x"], row["y"])
        picture.add_patch(Ellipse(place, *size, angle=angle, fill=False, color=colour, lw=1.8))
    picture.axline(place, slope=np.tan(row["psi"]), color=colour, lw=1.2, ls="--")
    half = 3 * row["length"]
    picture.set_xlim(row["x"] - half, row["x"] + half)
    picture.set_ylim(row["y"] - half, row["y"] + half)
drawn = BytesIO()
figure.savefig(drawn, dpi=80)
# a palette: a third of the bytes
Image.open(drawn).convert("RGB").quantize(128).save(
    Path(__file__).with_suffix(".png"), optimize=True
)
