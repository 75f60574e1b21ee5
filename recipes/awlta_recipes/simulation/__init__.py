"""The parametric simulator; not for science."""

from .camera import CameraTruth, camera_truth
from .config import ORIGIN, TELESCOP, RunPlan, SimulationConfig, demonstration
from .observation import run_header, simulate_run

__all__ = [
    "ORIGIN",
    "TELESCOP",
    "CameraTruth",
    "RunPlan",
    "SimulationConfig",
    "camera_truth",
    "demonstration",
    "run_header",
    "simulate_run",
]
