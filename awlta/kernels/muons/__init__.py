"""Rings that muons leave in images, and the optical efficiency that they tell."""

from .options import MuonOptions, MuonTelescope
from .rings import MUON, muon_rings

__all__ = ["MUON", "MuonOptions", "MuonTelescope", "muon_rings"]
