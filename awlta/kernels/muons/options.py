"""How rings of muons are looked for, and what their light depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS

RingFit = Literal["kundu_chaudhuri", "taubin", "kundu_chaudhuri_taubin"]

FITS: tuple[RingFit, ...] = get_args(RingFit)

MOST_FITS = 100
MOST_SECTORS = 10_000
MOST_PLACES = 100


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
    min_ring_pixels : int
        The efficiency is fitted to rings with more pixels close to them.
    min_containment : float
        And with more of the circle inside the camera.

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
    min_ring_pixels: int = 50
    min_containment: float = 0.5

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise BadValue(
                f"fit is {self.fit!r}",
                expected="one of " + ", ".join(FITS),
                do="Choose one of these",
                name="fit",
            )
        checks.whole("min_pixels", self.min_pixels, 0, MAX_PIXELS)
        checks.whole("min_ring_pixels", self.min_ring_pixels, 0, MAX_PIXELS)
        checks.whole("n_fits", self.n_fits, 1, MOST_FITS)
        checks.whole("n_sectors", self.n_sectors, 1, MOST_SECTORS)
        for name in ("min_intensity", "completeness_threshold", "min_containment"):
            checks.real(name, getattr(self, name))
        for name in ("max_distance", "ratio_width", "integration_width", "outer_width"):
            checks.real(name, getattr(self, name), above=0.0)


@dataclass(frozen=True)
class MuonTelescope:
    """What the light of a muon ring depends on, beside the muon; a telescope with one mirror.

    Attributes
    ----------
    mirror_area : float, m2
    hole_radius : float, m
        Of a disc of the area of the hole in the middle of the mirror.
    pedestal : float, p.e.
        Noise of a pixel.
    spe_width : float, p.e.
        Standard deviation of the charge of one photo-electron.
    min_wavelength, max_wavelength : float, nm
        Between which the efficiency is meant.
    oversampling : int
        Places a pixel at which the path of the light is computed.

    Raises
    ------
    BadValue
        For a number out of range.
    """

    mirror_area: float
    hole_radius: float = 0.0
    pedestal: float = 1.1
    spe_width: float = 0.5
    min_wavelength: float = 300.0
    max_wavelength: float = 600.0
    oversampling: int = 3

    def __post_init__(self) -> None:
        for name in ("mirror_area", "pedestal", "min_wavelength"):
            checks.real(name, getattr(self, name), above=0.0)
        checks.real("max_wavelength", self.max_wavelength, above=self.min_wavelength)
        for name in ("hole_radius", "spe_width"):
            checks.real(name, getattr(self, name), above=-math.ulp(0.0))
        checks.whole("oversampling", self.oversampling, 1, MOST_PLACES)
        if self.hole_radius >= self.mirror_radius:
            raise BadValue(
                f"hole_radius is {self.hole_radius} for a mirror of radius {self.mirror_radius}",
                expected="a hole smaller than the mirror",
                do="Look whether the mirror's area is in square metres",
                name="hole_radius",
            )

    @property
    def mirror_radius(self) -> float:
        """Radius of a disc of the mirror's area, m."""
        return math.sqrt(self.mirror_area / math.pi)
