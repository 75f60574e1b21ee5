"""How charges are extracted and images cleaned, as parameters that products are made with."""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta import kernels
from awlta.errors import BadInput, BadValue
from awlta.lineage import Case, Parameters
from awlta.persistent import Attribute, persistent

from .instrument import Camera, Telescope

_MEDIUM = ("MST*", "NectarCam*", "FlashCam*", "SCTCam*")
_SMALL = ("SST*", "CHEC*", "ASTRICam*", "DigiCam*")
"""Names of telescopes; files that do not name them have them called by their cameras."""


class ExtractionMethod(Enum):
    """Where the window of a charge lies, as the kernels name it."""

    FIXED = "FixedWindow"
    FULL = "FullWaveform"
    GLOBAL_PEAK = "GlobalPeak"
    LOCAL_PEAK = "LocalPeak"
    NEIGHBOR_PEAK = "NeighborPeak"
    BASELINE_NEIGHBOR_PEAK = "BaselineSubtractedNeighborPeak"
    SLIDING = "SlidingWindowMax"
    TWO_PASS = "TwoPass"
    FLASHCAM = "FlashCam"


class CleaningMethod(Enum):
    """How shower pixels are told from the others, as the kernels name it."""

    TAIL_CUTS = "TailCuts"
    MARS = "Mars"
    FACT = "Fact"
    TIME_CONSTRAINED = "TimeConstrained"
    NIGHT_SKY = "NightSky"


class IslandChoice(Enum):
    """Which islands of touching pixels are kept."""

    ALL = "all"
    LARGEST = "largest"
    BRIGHTEST = "brightest"


class ExtractionParameters(Parameters):
    """How a waveform becomes a charge: gain selection, method and window."""

    method: Attribute[ExtractionMethod] = persistent(
        "where the window lies", default=ExtractionMethod.LOCAL_PEAK
    )
    gain_threshold: Attribute[float] = persistent(
        "raw high-gain sample above which the low gain is taken",
        unit="adc",
        default=4000.0,
        low=0,
    )
    width: Attribute[int] = persistent("samples that are summed", default=7, low=1)
    shift: Attribute[int] = persistent("samples of the window before the peak", default=3)
    peak_index: Attribute[int] = persistent("sample of a fixed window's peak", default=0)
    pixel_fraction: Attribute[float] = persistent(
        "part of the pixels, the brightest, that a global peak is of", default=1.0, low=0, high=1
    )
    local_weight: Attribute[int] = persistent(
        "how often the pixel counts beside each of its neighbours", default=0, low=0
    )
    baseline_end: Attribute[int] = persistent(
        "first samples, which a baseline is the mean of", default=10, low=1
    )
    core_threshold: Attribute[float] = persistent(
        "picture threshold between two passes", unit="p.e.", default=6.0, low=0
    )
    correct_pulse: Attribute[bool] = persistent(
        "whether charges are corrected for what the window misses of a pulse; FLASHCAM always does",
        default=False,
    )
    integer_shift: Attribute[bool] = persistent(
        "whether waveforms are moved by the calibrated times, whole samples, at first",
        default=False,
    )
    interpolate: Attribute[bool] = persistent(
        "whether bad pixels get the mean of their good neighbours, not nothing", default=False
    )
    keep_images: Attribute[bool] = persistent(
        "whether images are stored, or what describes them only", default=True
    )

    # what is made for good takes the peak from the neighbours, which noise does not pull up
    defaults = (
        Case(category="C", method=ExtractionMethod.NEIGHBOR_PEAK),
        *(Case(telescope=name, core_threshold=8.0) for name in _MEDIUM),
        *(Case(telescope=name, core_threshold=4.0) for name in _SMALL),
    )

    def check(self) -> None:
        """Raise BadValue for numbers that the method cannot have."""
        self.extractor()

    def extractor(self) -> kernels.Extractor:
        """Return it as the kernels take it."""
        values = self.values()
        del values["interpolate"]  # of the image; while two passes look for a shower they always do
        found: kernels.Extractor = _kernel(self.method.value, values)
        return found

    def samples_summed(self, camera: Camera) -> int | None:
        """Return how many samples a charge sums, None where they are not those read out."""
        others = {
            ExtractionMethod.FULL: camera.n_samples,
            ExtractionMethod.TWO_PASS: 5,
            ExtractionMethod.FLASHCAM: None,
        }
        return others.get(self.method, self.width)

    def check_waveforms(self, camera: Camera) -> None:
        """Raise BadInput for samples that the waveforms of a camera do not have."""
        last = {
            ExtractionMethod.FIXED: self.peak_index + 1,
            ExtractionMethod.BASELINE_NEIGHBOR_PEAK: self.baseline_end,
        }.get(self.method, 0)
        if not 0 <= last <= camera.n_samples:
            raise BadInput(
                f"Sample {last} of waveforms of {camera.name}, which have {camera.n_samples}",
                expected=f"a sample of theirs for {self.method.value}",
                do="Give parameters with another peak_index or baseline_end",
            )

    def check_without_geometry(self, telescope: Telescope) -> None:
        """Raise BadInput for a method that looks at neighbours, which a telescope does not have."""
        apart = (
            *(ExtractionMethod.FIXED, ExtractionMethod.FULL, ExtractionMethod.GLOBAL_PEAK),
            *(ExtractionMethod.LOCAL_PEAK, ExtractionMethod.SLIDING),
        )
        if self.method not in apart or self.interpolate:
            raise BadInput(
                f"Camera {telescope.camera.name} of {telescope.name} has no pixel positions",
                expected=f"them, for {self.method.value} or to interpolate bad pixels",
                do="Give parameters with method=LOCAL_PEAK and interpolate=False",
            )

    def correction(self, camera: Camera, n_gains: int) -> kernels.Correction | None:
        """Return what corrects charges of a camera for its pulse, None where nothing does.

        Parameters
        ----------
        camera : Camera
        n_gains : int
            Of the waveforms; with 1 the first, as for those in p.e., which do not tell theirs.

        Raises
        ------
        BadInput
            The file did not tell the pulse of the camera.
        """
        if not self.correct_pulse and self.method is not ExtractionMethod.FLASHCAM:
            return None
        if camera.pulse is None or camera.pulse_step is None:
            raise BadInput(
                f"Camera {camera.name} has no reference pulse",
                expected="a file that carries it, to correct charges for it",
                do="Give parameters with correct_pulse=False, and another method than FLASHCAM",
            )
        pulse = camera.pulse[:n_gains]
        return kernels.pulse_correction(
            pulse, camera.pulse_step, camera.sampling_rate, self.extractor()
        )


class CleaningParameters(Parameters):
    """Which pixels are the shower: method and thresholds."""

    method: Attribute[CleaningMethod] = persistent(
        "how pixels are chosen", default=CleaningMethod.TAIL_CUTS
    )
    picture: Attribute[float] = persistent(
        "least charge of a picture pixel", unit="p.e.", default=8.0, low=0
    )
    boundary: Attribute[float] = persistent(
        "least charge of a boundary pixel", unit="p.e.", default=4.0, low=0
    )
    min_picture_neighbors: Attribute[int] = persistent(
        "picture neighbours that a picture pixel must have", default=2, low=0
    )
    keep_isolated: Attribute[bool] = persistent(
        "whether picture pixels stay without neighbours", default=False
    )
    time_limit: Attribute[float] = persistent(
        "difference in time of neighbours that belong together", unit="ns", default=5.0, low=0
    )
    core_time_limit: Attribute[float] = persistent(
        "difference of a core pixel from the mean time", unit="ns", default=4.5, low=0
    )
    boundary_time_limit: Attribute[float] = persistent(
        "difference of a boundary pixel from its core neighbours", unit="ns", default=1.5, low=0
    )
    pedestal_factor: Attribute[float] = persistent(
        "least picture charge in standard deviations of the night sky", default=2.5, low=0
    )
    bright_threshold: Attribute[float] = persistent(
        "mean charge of the brightest pixels from which faint ones are cut",
        unit="p.e.",
        default=267.0,
        low=0,
    )
    bright_fraction: Attribute[float] = persistent(
        "fraction of that mean below which pixels are cut", default=0.03, low=0, high=1
    )
    island: Attribute[IslandChoice] = persistent(
        "which islands the night-sky method keeps", default=IslandChoice.ALL
    )

    # as in the stereo example of ctapipe: large mirrors see more night sky, small ones less
    defaults = (
        Case(telescope="LST*", picture=7.5, boundary=5.0),
        *(Case(telescope=name, picture=7.0) for name in _SMALL),
    )

    def check(self) -> None:
        """Raise BadValue for thresholds that do not go together."""
        if self.boundary > self.picture:
            raise BadValue(
                f"A boundary threshold of {self.boundary} p.e. above the picture threshold of "
                f"{self.picture}",
                expected="boundary <= picture",
                do="Raise picture, or lower boundary",
            )
        self.cleaning()

    def cleaning(self, sky_noise: NDArray[np.float32] | None = None) -> kernels.Cleaning:
        """Return it as the kernels take it.

        Parameters
        ----------
        sky_noise : float32 (n_pixels,), p.e., optional
            Standard deviation of charges without Cherenkov light, for the night-sky method.
        """
        values = self.values() | {
            "min_neighbors": self.min_picture_neighbors,
            "pedestal_std": sky_noise,
            "island": self.island.value,
        }
        found: kernels.Cleaning = _kernel(self.method.value, values)
        return found


def _kernel(name: str, values: dict[str, Any]) -> Any:
    """Return a value of the kernels whose fields have the names of parameters."""
    kind = getattr(kernels, name)
    return kind(**{f.name: values[f.name] for f in fields(kind) if f.name in values})
