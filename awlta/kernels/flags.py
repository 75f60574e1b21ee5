"""How the kernels are compiled and what each is made of; read by setup.py without numpy."""

COMPILE_ARGS = ("-O3", "-ffp-contract=off")
"""One flag for speed. Contraction is off because a fused multiply-add rounds once where two
operations round twice: the same sources would give other digits on another processor. For the
same reason ``-ffast-math`` must not come back."""

_PULSES = ("_pulses.pxd", "_trace.pxd", "_pulse.h", "_pulse_lanes.h")
_TAILCUTS = ("_tailcuts.pxd", "_scan.pxd")
_DESCRIPTION = ("_description.pxd", "_islands.pxd", "_moments.pxd", "_scan.pxd")

STAGES = {
    "gain": ("_gain.pyx", "_trace.pxd"),
    "extract": ("_extract.pyx", *_PULSES),
    "clean": ("_clean.pyx", *_TAILCUTS, "_islands.pxd", "neighbors.py"),
    "hillas": ("_hillas.pyx", "_moments.pxd", "_scan.pxd"),
    "parameters": ("_parameters.pyx", *_DESCRIPTION, "neighbors.py", "geometry.py"),
    "fused": (
        "_fused.pyx",
        *_PULSES,
        *_TAILCUTS,
        *_DESCRIPTION,
        "neighbors.py",
        "geometry.py",
    ),
}
"""Stage -> the files that decide its numbers; the first one is compiled."""
