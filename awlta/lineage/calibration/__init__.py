"""Calibration: which one is valid when, which is chosen, and what a person sees of that."""
