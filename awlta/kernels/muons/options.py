"""How rings of muons are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS

RingFit = Literal["kundu_chaudhuri", "taubin", "kundu_chaudhuri_taubin"]

FITS: tuple[RingFit, ...] = get_args(RingFit)

MOST_FITS = 100
MOST_SECTORS = 10_000


@dataclass(frozen=True)
class MuonOptions:
    """Which images are looked at for a ring, and how; lengths in the unit of the geometry.

    Attributes
    ----------
    fit : "kundu_chaudhuri", "taubin" or "kundu_chaudhuri_taubin"
        Weighted circle of Kundu-Chaudhuri; circle of Taubin, all pixels alike; that of Taubin with
        pixels weighted by their charge.
    min_pixels : int
        A cleaned image must have more.
    min_intensity : float, p.e.
        It must have more.
    n_fits : int
        The first fit takes the cleaned pixels, each other one all pixels close to the last ring.
    max_distance : float
        How close: distance from the ring, as a fraction of its radius.
    completeness_threshold : float, p.e.
        A sector of the ring with more is lit.
    n_sectors : int
        Into which the ring is divided.
    ratio_width : float
        Width of the band for the intensity ratio, in widths of a pixel.
    integration_width, outer_width : float
        Half width of the band for the intensity of the ring, and how much wider the band around
        that one is, as fractions of the radius.

    Raises
    ------
    BadValue
        For a fit that does not exist, or a number out of range.
    """

    fit: RingFit = "kundu_chaudhuri_taubin"
    min_pixels: int = 100
    min_intensity: float = 500.0
    n_fits: int = 3
    max_distance: float = 0.4
    completeness_threshold: float = 30.0
    n_sectors: int = 30
    ratio_width: float = 1.5
    integration_width: float = 0.25
    outer_width: float = 0.2

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise BadValue(
                f"fit is {self.fit!r}",
                expected="one of " + ", ".join(FITS),
                do="Choose one of these",
                name="fit",
            )
        checks.whole("min_pixels", self.min_pixels, 0, MAX_PIXELS)
        checks.whole("n_fits", self.n_fits, 1, MOST_FITS)
        checks.whole("n_sectors", self.n_sectors, 1, MOST_SECTORS)
        for name in ("min_intensity", "completeness_threshold"):
            checks.real(name, getattr(self, name))
        for name in ("max_distance", "ratio_width", "integration_width", "outer_width"):
            checks.real(name, getattr(self, name), above=0.0)
