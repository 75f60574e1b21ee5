"""Rings that muons leave in images, and the optical efficiency that they tell."""

from .options import MuonOptions
from .rings import MUON, muon_rings

__all__ = ["MUON", "MuonOptions", "muon_rings"]
