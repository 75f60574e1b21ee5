"""From waveforms to image parameters in one pass (R0 or R1 to DL1)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from . import _chain, checks
from .geometry import CameraGeometry
from .images.cleaning import rules_of
from .images.cleanings import Cleaning, TailCuts
from .images.parameters import PARAMETERS, WITHOUT_LIGHT
from .instructions import number_in_use
from .waveforms import compiled
from .waveforms.correction import Correction
from .waveforms.extraction import Pulses
from .waveforms.extractors import Extractor, LocalPeak
from .waveforms.gain import MAX_SAMPLES, gains, raw, threshold_counts

assert PARAMETERS.itemsize == _chain.ROW_SIZE

MOST_THREADS = 1024
SLICES = 4
"""Of the events, for each thread."""
PIXELS = ("n_pixels",)
CONSTANTS = ("n_gains", "n_pixels")


class Showers(NamedTuple):
    """What a batch of events shows.

    Attributes
    ----------
    pulses : Pulses or None
        None where the images were not kept.
    masks : bool (n_events, n_pixels)
    parameters : PARAMETERS (n_events)
        Neither has rows where nothing was to be described.
    """

    pulses: Pulses | None
    masks: NDArray[np.bool_]
    parameters: NDArray[np.void]


class Chain:
    """Extraction, cleaning and description of the events of one telescope, made ready once.

    Called with events it gives what `extract_raw` (or `extract`), `interpolate` if it is asked for,
    `clean` and `describe` give one after the other, to the last digit, whatever the number of
    events and threads, and touches each waveform once. A call with one event costs little more
    than that event: everything but the events is checked here. Several threads may call one chain.

    Parameters
    ----------
    geometry : CameraGeometry
    cleaning : Cleaning or None
        None for images only.
    pedestal : float32 (n_gains, n_pixels), ADC counts, optional
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count, optional
        Constants of raw waveforms. Without both, waveforms come calibrated.
    extractor : Extractor
    gain_threshold : float, ADC counts
        As in `select_gain`.
    sampling_rate : float, GHz
    unusable : bool (n_pixels), optional
        Pixels to leave at charge 0 and time 0.
    correction : as `pulse_correction` gives it for the extractor, optional
    time_shift : float32 (n_gains, n_pixels), ns, optional
        Subtracted from the times of usable pixels.
    interpolate : bool
        Give unusable pixels what their neighbours have, as `interpolate` does, before cleaning.

    Raises
    ------
    BadValue
        For arrays of another type or shape, or numbers out of range.
    """

    def __init__(
        self,
        geometry: CameraGeometry,
        cleaning: Cleaning | None,
        *,
        pedestal: NDArray[np.float32] | None = None,
        dc_to_pe: NDArray[np.float32] | None = None,
        extractor: Extractor = LocalPeak(),
        gain_threshold: float = 4000.0,
        sampling_rate: float = 1.0,
        unusable: NDArray[np.bool_] | None = None,
        correction: Correction | None = None,
        time_shift: NDArray[np.float32] | None = None,
        interpolate: bool = False,
    ) -> None:
        self._n_pixels = n_pixels = geometry.n_pixels
        if (pedestal is None) != (dc_to_pe is None):
            raise BadValue(
                "a pedestal or a conversion, without the other",
                expected="both for raw waveforms, neither for calibrated ones",
                do="Give pedestal= and dc_to_pe=",
            )
        self._is_raw = pedestal is not None
        self._n_gains = n_gains = _n_gains(pedestal, time_shift, correction)
        lengths = {"n_gains": n_gains, "n_pixels": n_pixels}
        self._pedestal = _own("pedestal", pedestal, lengths)
        self._dc_to_pe = _own("dc_to_pe", dc_to_pe, lengths)
        self._time_shift = _own("time_shift", time_shift, lengths)
        self._threshold = threshold_counts(gain_threshold, "gain_threshold")
        self._extractor, self._sampling_rate = extractor, sampling_rate
        self._geometry = geometry
        self._correction = correction.copy() if isinstance(correction, np.ndarray) else correction
        self._how(MAX_SAMPLES)  # what is wrong of any waveforms is said now
        if unusable is None:
            unusable = np.zeros(n_pixels, np.bool_)
        unusable = checks.array("unusable", unusable, np.bool_, PIXELS, n_pixels=n_pixels)
        self._unusable: NDArray[np.bool_] = unusable.copy()
        self._interpolate = bool(interpolate)
        self._describes = cleaning is not None
        self._rules = rules_of(TailCuts() if cleaning is None else cleaning, n_pixels)
        self._idle: dict[tuple[int, int], list[_chain.Worker]] = {}

    def __call__(
        self,
        waveforms: NDArray[Any],
        *,
        selected_gain: NDArray[np.int8] | None = None,
        unusable: NDArray[np.bool_] | None = None,
        keep_images: bool = True,
        threads: int = 1,
    ) -> Showers:
        """Do it all for a batch of events.

        Parameters
        ----------
        waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
            Or, calibrated, float32 (n_events, n_pixels, n_samples), p.e. per sample.
        selected_gain : int8 (n_events, n_pixels), optional
            The choice already made; otherwise as `select_gain`. Calibrated waveforms are of these
            gains, otherwise of the high one.
        unusable : bool (n_pixels) or (n_events, n_pixels), optional
            Pixels that are not usable in these events, beside those of the chain.
        keep_images : bool
            Return gain, charge and time of the pixels too. Without them nothing of the size of
            an image but its mask is written to memory.
        threads : int
            Threads that share the events.

        Raises
        ------
        BadValue
            For arrays of another type or shape, a gain that does not exist, waveforms too short for
            the extractor, or no threads.
        """
        waveforms = self._checked(waveforms)
        n_events, n_pixels = len(waveforms), self._n_pixels
        shape = (n_events, n_pixels)
        charge = peak_time = gain = mask = None
        if keep_images:
            charge, peak_time = np.empty(shape, np.float32), np.empty(shape, np.float32)
        if selected_gain is not None:
            gain = gains(selected_gain, n_events, self._n_gains, n_pixels)
        elif keep_images:
            gain = np.zeros(shape, np.int8)
        if unusable is not None:
            mask = checks.pixels("unusable", unusable, n_events, n_pixels) | self._unusable
        choose = self._is_raw and selected_gain is None and self._n_gains == 2
        n_described = n_events if self._describes else 0
        is_valid = np.empty(n_events, np.bool_)
        masks, rows = np.empty((n_described, n_pixels), np.bool_), _rows(n_described)
        arrays = (waveforms, mask, gain, choose, charge, peak_time, is_valid, masks, rows)
        if threads == 1:
            self._run(0, n_events, arrays)
        else:
            _share(lambda first, last: self._run(first, last, arrays), n_events, threads)
        pulses = None
        if charge is not None and peak_time is not None and gain is not None:
            pulses = Pulses(charge, peak_time, gain, is_valid)
        return Showers(pulses, masks, rows)

    def _checked(self, waveforms: NDArray[Any]) -> NDArray[Any]:
        """Return waveforms that are of this telescope."""
        n_pixels = self._n_pixels
        if not self._is_raw:
            axes = ("n_events", "n_pixels", "n_samples")
            return checks.array("waveforms", waveforms, np.float32, axes, n_pixels=n_pixels)
        waveforms = raw(waveforms)
        if waveforms.shape[1:3] != (self._n_gains, n_pixels):
            raise BadValue(
                f"waveforms of {waveforms.shape[1]} gains and {waveforms.shape[2]} pixels",
                expected=f"{self._n_gains} and {n_pixels}, as the constants and the geometry",
                do="Take constants and geometry of the telescope that the events are of",
            )
        return waveforms

    def _run(self, first: int, last: int, arrays: tuple[Any, ...]) -> None:
        """Have a worker that is idle, or a new one, do some events of a batch."""
        key = arrays[0].shape[-1], number_in_use()
        idle = self._idle.setdefault(key, [])
        try:
            worker = idle.pop()
        except IndexError:
            worker = self._worker(*key)
        worker.run(first, last, *arrays)
        idle.append(worker)

    def _how(self, n_samples: int) -> compiled.CameraArguments:
        """Check the extractor for waveforms of a length, and return it for compiled code."""
        shape = (self._n_pixels, n_samples, self._n_gains)
        return compiled.arguments(
            self._extractor, shape, self._sampling_rate, self._geometry, self._correction
        )

    def _worker(self, n_samples: int, instructions: int) -> _chain.Worker:
        geometry = self._geometry
        picture, boundary, rules = self._rules
        how, factors, *_ = self._how(n_samples)
        return _chain.Worker(
            self._n_gains,
            n_samples,
            self._pedestal,
            self._dc_to_pe,
            self._threshold,
            instructions,
            how,
            factors,
            self._time_shift,
            self._unusable.view(np.uint8),
            self._interpolate,
            self._describes,
            picture,
            boundary,
            rules,
            geometry.pixels,
            geometry.border,
            geometry.neighbors.indptr,
            geometry.neighbors.indices,
            WITHOUT_LIGHT[None],
        )


def _n_gains(pedestal: Any, time_shift: Any, correction: Any) -> int:
    """Return of how many gains the constants are; without any there may be two."""
    given = {"pedestal": pedestal, "time_shift": time_shift}
    name = next((name for name in given if given[name] is not None), None)
    if name is not None:
        n_gains = len(checks.array(name, given[name], np.float32, CONSTANTS))
    elif isinstance(correction, np.ndarray) and correction.ndim:
        n_gains = correction.shape[-1]
    else:
        n_gains = 2
    return checks.whole("n_gains", n_gains, 1, 2)


def _own(name: str, constants: Any, lengths: dict[str, int]) -> NDArray[np.float32] | None:
    """Return a copy, checked, that nobody else can change: compiled code keeps its address."""
    if constants is None:
        return None
    return checks.array(name, constants, np.float32, CONSTANTS, **lengths).copy()


def _rows(n: int) -> NDArray[np.void]:
    """Make room for rows; `numpy.empty` takes several times as long for a type of many fields."""
    return np.ndarray(n, PARAMETERS, np.empty(n * PARAMETERS.itemsize, np.uint8))


def _share(work: Callable[[int, int], None], n_events: int, threads: int) -> None:
    """Have threads do slices of the events, several each, since one core may be slower."""
    threads = min(checks.whole("threads", threads, 1, MOST_THREADS), max(1, n_events))
    n_slices = min(SLICES * threads, max(1, n_events))
    ends = [n_events * n // n_slices for n in range(n_slices + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))
