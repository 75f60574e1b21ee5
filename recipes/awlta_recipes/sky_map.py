"""Sky map (DL5): where an excess of showers comes from, and how significant it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from awlta.lineage import DataProduct, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, Links, link, persistent

from .raw_file import RawFile
from .science import pictures, skymap
from .science.coordinates import separation
from .science.drawing import draw
from .shower_geometry import TABLE, ShowerGeometry
from .tables import read_table

MIN_COUNTS = 10
"""With fewer counts on or off, the significance is rough (Li and Ma 1983, section V)."""


class SkyMapParameters(Parameters):
    """Where the map is, and how background is taken."""

    ra: Attribute[float] = persistent("centre, and position tested", unit="deg", sky="ra")
    dec: Attribute[float] = persistent("centre, and position tested", unit="deg", sky="dec")
    width: Attribute[float] = persistent("side of the map", unit="deg", default=3.0, low=0.5)
    bin_size: Attribute[float] = persistent("side of a bin", unit="deg", default=0.05, low=0.005)
    radius: Attribute[float] = persistent(
        "of the circle counted in", unit="deg", default=0.15, low=0.01, high=0.5
    )
    max_width: Attribute[float] = persistent(
        "greatest mean width of the images of a shower", unit="deg", default=1.0, low=0
    )

    def check(self) -> None:
        """Raise BadValue for bins wider than the map."""
        skymap.MapGeometry(self.ra, self.dec, self.width, self.bin_size)


class SkyMap(DataProduct):
    """Counts, excess and significance around a position, with a picture (DL5)."""

    showers: Links[ShowerGeometry] = link("showers that are counted", locates=True)
    parameters: Link[SkyMapParameters] = link("position, size, background", locates=True)
    n_on: Attribute[int] = persistent("showers from the position tested", init=False)
    n_off: Attribute[int] = persistent("showers from the reflected regions", init=False)
    excess: Attribute[float] = persistent("showers above background", init=False)
    significance: Attribute[float] = persistent(
        "of the excess, standard deviations (Li and Ma 1983, eq. 17)", init=False
    )
    peak_ra: Attribute[float] = persistent("peak of the excess", unit="deg", init=False)
    peak_dec: Attribute[float] = persistent("peak of the excess", unit="deg", init=False)
    offset: Attribute[float] = persistent("peak to the position tested", unit="deg", init=False)

    FEW_COUNTS = QCFlag(0, "counts on or off below limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Count showers on the map and at the position, and draw it."""
        wanted = self.parameters
        events = self._events()
        geometry = skymap.MapGeometry(wanted.ra, wanted.dec, wanted.width, wanted.bin_size)
        source = skymap.Region(wanted.ra, wanted.dec, 2 * wanted.radius)
        sky = skymap.ring_map(geometry, events, radius=wanted.radius, exclusion=source)
        counts = skymap.reflected(events, skymap.Region(wanted.ra, wanted.dec, wanted.radius))
        self.n_on, self.n_off = counts.n_on, counts.n_off
        self.excess, self.significance = counts.excess, counts.significance
        self.peak_ra, self.peak_dec = skymap.peak_position(sky)
        self.offset = float(separation(self.peak_ra, self.peak_dec, wanted.ra, wanted.dec))
        _write_fits(self.create(".fits"), sky)
        title = f"{self.excess:.0f} excess showers, {self.significance:.1f} standard deviations"
        picture = draw(sky, title=title, marker=(wanted.ra, wanted.dec))
        self.create(".png", role="figure").write_bytes(picture)

    def verify(self) -> None:
        """Compare the counts with what the formula of the significance needs."""
        self.FEW_COUNTS.below(min(self.n_on, self.n_off), MIN_COUNTS)

    def draw(self, figure: Any) -> None:
        """Draw significance and excess on the sky, and the significances of all bins."""
        layers = _read_fits(self.retrieve())
        half = 0.5 * self.parameters.width
        figure.suptitle(f"{self.excess:.0f} excess showers, {self.significance:.1f} sigma")
        axes = figure.subplots(2, 2)
        units = {"significance": "standard deviations", "excess": "showers", "counts": "showers"}
        for place, (name, unit) in zip(axes.flat, units.items(), strict=False):
            shown = place.imshow(layers[name], origin="lower", extent=(half, -half, -half, half))
            place.set_xlabel("offset in right ascension (deg)")
            place.set_ylabel("offset in declination (deg)")
            figure.colorbar(shown, ax=place, label=f"{name} ({unit})")
        pictures.significances(axes[1, 1], layers["significance"])

    def _events(self) -> skymap.Events:
        ra, dec, pointings = [], [], []
        for part in self.showers:
            rows = read_table(part.retrieve(), TABLE)
            rows = rows[rows["is_valid"] & (rows["mean_width"] <= self.parameters.max_width)]
            source = part.images[0].images.raw.source
            ra.append(rows["ra"])
            dec.append(rows["dec"])
            pointings.append(np.full((len(rows), 2), (source.ra, source.dec), np.float64))
        centre = np.concatenate(pointings)
        return skymap.Events(np.concatenate(ra), np.concatenate(dec), centre[:, 0], centre[:, 1])

    @classmethod
    def targets(cls, wanted: Selection) -> list[SkyMap]:
        """Return one map for each target that was observed."""
        by_place: dict[tuple[float, float], list[ShowerGeometry]] = {}
        for part in wanted.of(ShowerGeometry):
            source: RawFile = part.images[0].images.raw.source
            if source.target_ra is not None and source.target_dec is not None:
                place = (source.target_ra, source.target_dec)
                by_place.setdefault(place, []).append(part)
        return cls.get_targets(
            {
                "showers": sorted(parts, key=lambda p: p.run),
                "parameters": wanted.parameters(cls, ra=ra, dec=dec),
            }
            for (ra, dec), parts in by_place.items()
        )


def _read_fits(path: Path) -> dict[str, np.ndarray]:
    """Return the layers that :func:`_write_fits` wrote, by their names."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        return {hdu.name.lower(): np.array(hdu.data) for hdu in hdus[1:]}


def _write_fits(path: Path, sky: skymap.SkyMap) -> None:
    """Write the map as image extensions behind an empty primary HDU."""
    # astropy takes a third of a second, and only this recipe writes FITS
    from astropy.io import fits

    hdus = [fits.PrimaryHDU()]
    for name in ("counts", "on", "off", "excess", "significance"):
        image = fits.ImageHDU(getattr(sky, name).astype(np.float64), name=name.upper())
        image.header.update(sky.geometry.wcs())
        hdus.append(image)
    fits.HDUList(hdus).writeto(path)
