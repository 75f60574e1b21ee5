"""The optical efficiency of a telescope, from the light of a muon ring."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from . import _light
from .options import MuonTelescope

FINE_STRUCTURE = 7.2973525643e-3
"""CODATA 2022."""

FIRST = {"impact": 0.5, "phi": 0.0, "width": 3.0, "efficiency": 0.1}
"""Where the fit begins: impact by the radius of the mirror, width by that of a pixel."""

Float = NDArray[np.float64]


class Ring:
    """The pixels about one ring, and the light that a muon would leave in them.

    Parameters
    ----------
    x, y : float64 (n_pixels), deg
        From the centre of the ring.
    radius : float, deg
    geometry : CameraGeometry
        In degrees on the sky; all pixels are taken to be as large as the first.
    telescope : MuonTelescope
    """

    def __init__(
        self, x: Float, y: Float, radius: float, geometry: CameraGeometry, telescope: MuonTelescope
    ) -> None:
        self.angle = np.arctan2(y, x)
        self.distance = np.radians(np.hypot(x, y))
        self.radius, self.telescope = math.radians(radius), telescope
        diameter = math.radians(geometry.width[0])
        self.half_width = diameter / 2
        self.pixel_radius = math.radians(math.sqrt(geometry.area[0] / math.pi))
        n_pixels = int(2 * math.pi * self.radius / diameter)
        self.room = np.empty((2, n_pixels * telescope.oversampling))
        self.light = np.empty(len(x))
        # Cherenkov photons of a metre of path, by the part of the azimuth that a pixel covers; a
        # round pixel is smaller than the piece of the ring that is as wide as it is.
        shortest, longest = telescope.min_wavelength * 1e-9, telescope.max_wavelength * 1e-9
        self.photons = FINE_STRUCTURE * (1 / shortest - 1 / longest)
        self.photons *= 0.5 * math.sin(2 * self.radius) * diameter / self.radius
        self.photons *= math.pi / 4 * geometry.width[0] ** 2 / geometry.area[0]

    @property
    def is_round_enough(self) -> bool:
        """Whether there are pixels, and the ring is more than a point."""
        return len(self.light) > 0 and self.room.shape[1] >= 2

    def expect(self, impact: float, phi: float, width: float, efficiency: float) -> Float:
        """Return the light expected in each pixel, float64 (n_pixels), p.e.

        Parameters
        ----------
        impact : float, m
            Of the muon, from the centre of the mirror.
        phi : float, rad
            Azimuth of most light.
        width : float, rad
            Standard deviation of the ring across.
        efficiency : float
        """
        _light.expect_light(
            self.angle,
            self.distance,
            self.half_width,
            self.radius,
            impact,
            phi,
            width,
            self.telescope.mirror_radius,
            self.telescope.hole_radius,
            self.photons * efficiency,
            self.telescope.oversampling,
            self.room,
            self.light,
        )
        return self.light


def fit_efficiency(charge: Float, ring: Ring, row: np.void) -> None:
    """Find the muon that explains the charges best, and fill its columns of a row.

    Minus the logarithm of the likelihood is minimised by Minuit (F. James and M. Roos, Comput.
    Phys. Commun. 10 (1975) 343); centre and radius of the ring stay what they are.

    Parameters
    ----------
    charge : float64 (n_pixels), p.e.
    ring : Ring
    row : a row of MUON
    """
    # a compiled library of a few megabytes, for the few images that are rings
    from iminuit import Minuit

    telescope = ring.telescope

    def surprise(impact: float, phi: float, width: float, efficiency: float) -> float:
        light = ring.expect(impact, phi, width, efficiency)
        return _light.surprise(charge, light, telescope.pedestal, telescope.spe_width)

    fit = Minuit(
        surprise,
        FIRST["impact"] * telescope.mirror_radius,
        FIRST["phi"],
        FIRST["width"] * ring.pixel_radius,
        FIRST["efficiency"],
    )
    fit.errordef = Minuit.LIKELIHOOD
    fit.errors = [0.5, math.radians(0.5), 0.001 * ring.radius, 0.05]
    fit.limits = [(0, None), (-math.pi, math.pi), (0, None), (0, None)]
    fit.migrad()
    impact, phi, width, efficiency = fit.values
    found = {
        "width": math.degrees(width),
        "impact": impact,
        "impact_x": impact * math.cos(phi),
        "impact_y": impact * math.sin(phi),
        "optical_efficiency": efficiency,
        "is_valid": fit.valid,
        "parameters_at_limit": fit.fmin is not None and fit.fmin.has_parameters_at_limit,
        "likelihood_value": fit.fval,
    }
    for name, value in found.items():
        row[f"muonefficiency_{name}"] = value
