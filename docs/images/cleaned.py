"""Draw cleaned.png: a made-up image, what tail cuts keep of it, and its ellipse.

python docs/images/cleaned.py
"""

# ruff: noqa: E402

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from cameras import CAMERAS, synthetic_events

from awlta import kernels
from awlta_recipes.science import pictures

camera = CAMERAS[0]
geometry = camera.geometry()
events = synthetic_events(camera, geometry, 30)
pulses = kernels.extract_raw(events["waveforms"], events["pedestal"], events["dc_to_pe"])
sky = float(np.median(pulses.charge))
masks = kernels.tailcuts(pulses.charge, geometry.neighbors, sky + 6, sky + 3)
rows = kernels.describe(pulses.charge, masks, geometry)
best = np.argmax(np.where(rows["leakage_pixels_width_2"] == 0, rows["intensity"], 0))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
place = (geometry.x, geometry.y)
pictures.camera(left, place, pulses.charge[best], "charge (p.e.)")
pictures.ellipse(left, masks[best], place, rows[best])
times = np.where(masks[best], pulses.peak_time[best], np.nan)
pictures.camera(right, place, times, "peak time (ns)")
figure.savefig(Path(__file__).with_suffix(".png"), dpi=50)
