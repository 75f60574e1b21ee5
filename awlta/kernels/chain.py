"""From waveforms to image parameters in one pass (R0 or R1 to DL1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
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
from .waveforms.gain import gains, raw, threshold_counts

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
        self._is_raw = pedestal is not None and dc_to_pe is not None
        self._n_gains = 1
        if pedestal is not None and dc_to_pe is not None:
            known = {"n_pixels": n_pixels}
            pedestal = _own(checks.array("pedestal", pedestal, np.float32, CONSTANTS, **known))
            self._n_gains = known["n_gains"] = checks.whole("n_gains", len(pedestal), 1, 2)
            dc_to_pe = _own(checks.array("dc_to_pe", dc_to_pe, np.float32, CONSTANTS, **known))
        self._pedestal, self._dc_to_pe = pedestal, dc_to_pe
        self._threshold = threshold_counts(gain_threshold)
        self._extractor, self._sampling_rate = extractor, sampling_rate
        self._geometry, self._correction = geometry, correction
        if time_shift is not None:
            lengths = {"n_gains": self._n_gains, "n_pixels": n_pixels}
            time_shift = _own(
                checks.array("time_shift", time_shift, np.float32, CONSTANTS, **lengths)
            )
        self._time_shift = time_shift
        if unusable is None:
            unusable = np.zeros(n_pixels, np.bool_)
        unusable = checks.array("unusable", unusable, np.bool_, PIXELS, n_pixels=n_pixels)
        self._unusable: NDArray[np.bool_] = _own(unusable)
        self._interpolate = bool(interpolate)
        self._describes = cleaning is not None
        self._rules = rules_of(cleaning or TailCuts(), n_pixels)
        none = np.empty((0, n_pixels), np.float32)
        self._no_images = (none, none, np.empty((0, n_pixels), np.int8))
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
            The choice already made; otherwise as `select_gain`.
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
            For arrays of another type or shape, or a gain that does not exist.
        """
        waveforms = self._checked(waveforms)
        n_events, n_pixels = len(waveforms), self._n_pixels
        shape = (n_events, n_pixels)
        if keep_images:
            charge, peak_time = np.empty(shape, np.float32), np.empty(shape, np.float32)
            gain = np.zeros(shape, np.int8)
        else:
            charge, peak_time, gain = self._no_images
        if selected_gain is not None:
            gain = gains(selected_gain, n_events, self._n_gains, n_pixels)
        choose = selected_gain is None and self._n_gains == 2
        mask = None if unusable is None else self._mask(unusable, n_events)
        is_valid = np.empty(n_events, np.uint8)
        n_described = n_events if self._describes else 0
        masks = np.empty((n_described, n_pixels), np.uint8)
        rows = np.empty(n_described, PARAMETERS)
        if threads == 1:
            self._run(waveforms, mask, gain, choose, charge, peak_time, is_valid, masks, rows)
        else:
            outputs = (charge, peak_time, is_valid, masks, rows)

            def work(part: slice) -> None:
                # what has no rows stays without
                bad = None if mask is None else mask[part]
                self._run(
                    waveforms[part], bad, gain[part], choose, *(array[part] for array in outputs)
                )

            _share(work, n_events, threads)
        pulses = None
        if keep_images:
            pulses = Pulses(charge, peak_time, gain, is_valid.view(np.bool_))
        return Showers(pulses, masks.view(np.bool_), rows)

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

    def _mask(self, unusable: NDArray[np.bool_], n_events: int) -> NDArray[np.uint8]:
        axes: tuple[str, ...] = PIXELS
        lengths = {"n_pixels": self._n_pixels}
        if np.ndim(unusable) != 1:
            axes, lengths["n_events"] = ("n_events", *PIXELS), n_events
        mask = checks.array("unusable", unusable, np.bool_, axes, **lengths) | self._unusable
        shape = (n_events, self._n_pixels)
        return np.broadcast_to(mask.view(np.uint8), shape)

    def _run(self, waveforms: NDArray[Any], *arrays: Any) -> None:
        """Have a worker that is idle, or a new one, do events."""
        instructions, n_samples = number_in_use(), waveforms.shape[-1]
        idle = self._idle.setdefault((n_samples, instructions), [])
        try:
            worker = idle.pop()
        except IndexError:
            worker = self._worker(n_samples, instructions)
        run = worker.run_raw if self._is_raw else worker.run_calibrated
        run(waveforms, *arrays)
        idle.append(worker)

    def _worker(self, n_samples: int, instructions: int) -> _chain.Worker:
        geometry, n_gains = self._geometry, self._n_gains
        shape = (geometry.n_pixels, n_samples, n_gains)
        picture, boundary, rules = self._rules
        how, factors, *_ = compiled.arguments(
            self._extractor, shape, self._sampling_rate, geometry, self._correction
        )
        return _chain.Worker(
            n_gains,
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


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that nobody else can change: compiled code keeps addresses of it."""
    return array.copy()


def _share(work: Any, n_events: int, threads: int) -> None:
    """Have threads do slices of the events, several each, since one core may be slower."""
    threads = min(checks.whole("threads", threads, 1, MOST_THREADS), max(1, n_events))
    n_slices = min(SLICES * threads, max(1, n_events))
    ends = [n_events * n // n_slices for n in range(n_slices + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, (slice(*pair) for pair in pairwise(ends))))
