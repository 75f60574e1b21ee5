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
    *("images/_islands.pxd", "images/_moments.pxd", "images/_scan.pxd"),
    *("images/_tailcuts.pxd", "images/_timing.pxd", "waveforms/compiled.py"),
)
_TAILCUTS = ("images/_tailcuts.pxd", "images/_scan.pxd")
_MOMENTS = ("images/_moments.pxd", "images/_scan.pxd")
_DESCRIPTION = ("images/_description.pxd", "images/_islands.pxd", *_MOMENTS)
_CAMERA = ("neighbors.py", "geometry.py")

STAGES = {
    "instructions": ("_instructions.pyx", "_instructions.h"),
    "gain": ("waveforms/_gain.pyx", *_TRACE),
    "extract": ("waveforms/_extract.pyx", *_EXTRACTORS, "neighbors.py"),
    "clean": ("images/_clean.pyx", *_TAILCUTS, "images/_islands.pxd", "neighbors.py"),
    "hillas": ("images/_hillas.pyx", *_MOMENTS),
    "parameters": ("images/_parameters.pyx", *_DESCRIPTION, *_CAMERA),
    "fused": ("_fused.pyx", *_EXTRACTORS, *_TAILCUTS, *_DESCRIPTION, *_CAMERA),
}
"""Stage -> the files that decide its numbers; the first one is compiled."""
