"""How the kernels are compiled and what each is made of; read by setup.py without numpy."""

COMPILE_ARGS = ("-O3", "-ffp-contract=off")
"""One flag for speed. Contraction is off because a fused multiply-add rounds once where two
operations round twice: the same sources would give other digits on another processor. For the
same reason ``-ffast-math`` must not come back."""

_TRACE = ("waveforms/_trace.pxd",)
_PULSES = (
    *("waveforms/_pulses.pxd", "waveforms/_trace.pxd"),
    *("waveforms/_pulse.h", "waveforms/_pulse_lanes.h", "_instructions.h"),
)
_EXTRACTORS = (
    *("waveforms/_extractors.pxd", "waveforms/_two_pass.pxd", "waveforms/_traces.pxd"),
    *("waveforms/_traces.h", "waveforms/_traces_lanes.h", "waveforms/_peaks_lanes.h", *_PULSES),
    "waveforms/_flashcam_lanes.h",
    *("waveforms/extractors.py", "waveforms/compiled.py", "waveforms/extraction.py"),
    *("waveforms/gain.py", "waveforms/calibration.py", "waveforms/correction.py"),
    *("images/_interpolate.pxd", "images/_islands.pxd", "images/_moments.pxd"),
    *("images/_scan.pxd", "images/_tailcuts.pxd", "images/_timing.pxd"),
)
_TAILCUTS = ("images/_tailcuts.pxd", "images/_scan.pxd")
_CLEANING = (
    *("images/_cleaning.pxd", "images/_times.pxd", "images/_islands.pxd"),
    *_TAILCUTS,
    *("images/cleaning.py", "images/cleanings.py"),
)
_MOMENTS = ("images/_moments.pxd", "images/_scan.pxd")
_DESCRIPTION = (
    *("images/_description.pxd", "images/_islands.pxd", *_MOMENTS),
    *("images/_timing.pxd", "images/_statistics.pxd"),
)
_CAMERA = ("neighbors.py", "geometry.py")
_PARAMETERS = ("images/parameters.py", *_CAMERA)
_RING = ("muons/_circle.pxd", "muons/_ring.pxd", "muons/options.py", "muons/rings.py")

STAGES = {
    "instructions": ("_instructions.pyx", "_instructions.h"),
    "gain": ("waveforms/_gain.pyx", *_TRACE, "waveforms/gain.py"),
    "shift": ("waveforms/_shift.pyx", "waveforms/_shift.pxd", "waveforms/time_shift.py"),
    "extract": ("waveforms/_extract.pyx", *_EXTRACTORS, "neighbors.py"),
    "interpolate": (
        *("images/_interpolate.pyx", "images/_interpolate.pxd", "images/_scan.pxd"),
        *("images/interpolation.py", "neighbors.py"),
    ),
    "clean": (
        *("images/_clean.pyx", *_CLEANING, "images/_rings.pxd"),
        *("images/islands.py", "neighbors.py"),
    ),
    "reduction": (
        *("images/_reduction.pyx", *_CLEANING, "images/_rings.pxd"),
        *("images/reduction.py", "waveforms/pixel_status.py", "neighbors.py"),
    ),
    "hillas": ("images/_hillas.pyx", *_MOMENTS, *_PARAMETERS),
    "parameters": ("images/_parameters.pyx", *_DESCRIPTION, *_PARAMETERS),
    "rings": ("muons/_rings.pyx", *_RING, *_CAMERA),
    "muon_light": ("muons/_light.pyx", "muons/efficiency.py", "muons/options.py", *_CAMERA),
    "chain": (
        *("_chain.pyx", "images/_interpolate.pxd", "chain.py"),
        *(*_EXTRACTORS, *_CLEANING, *_DESCRIPTION, *_PARAMETERS),
    ),
}
"""Stage -> the files that decide its numbers; the first one is compiled."""
