"""Raw files (DL0): the bytes as they were delivered, and what they say of their run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from awlta.archive import Ingested, sip
from awlta.errors import BadInput, BadValue
from awlta.lineage.files import block
from awlta.persistent import Attribute, Links, OptionalLink, link, persistent, reference
from awlta.persistent.keys import check_object_id

from . import events
from .events import CalibrationState, EventKind
from .instrument import Camera, Site, Telescope
from .simulated_run import SimulatedRun

_ENDINGS = {"simtel": ".simtel", "zfits": ".fits.fz", "awlta-hdf5": ".h5"}
_MEDIA = {"zfits": "application/fits", "awlta-hdf5": "application/x-hdf5"}


class RawFile(Ingested):
    """A raw event file of one run, with the events of one telescope or several (DL0)."""

    run: Attribute[int] = persistent("run number", index=True)
    kind: Attribute[EventKind] = persistent("what the run was taken for")
    state: Attribute[CalibrationState] = persistent("what the samples are")
    file_format: Attribute[str] = persistent("simtel, zfits or awlta-hdf5")
    start: Attribute[datetime | None] = persistent(
        "start of the run, None if not told", index=True, night="site.time_zone"
    )
    stop: Attribute[datetime | None] = persistent("end of the run, None if not told")
    n_events: Attribute[int] = persistent("array events in the file")
    alt: Attribute[float | None] = persistent("altitude of the pointing", unit="deg")
    az: Attribute[float | None] = persistent("azimuth of the pointing", unit="deg")
    ra: Attribute[float | None] = persistent(
        "right ascension of the pointing", unit="deg", sky="ra"
    )
    dec: Attribute[float | None] = persistent("declination of the pointing", unit="deg", sky="dec")
    target_ra: Attribute[float | None] = persistent("right ascension of the target", unit="deg")
    target_dec: Attribute[float | None] = persistent("declination of the target", unit="deg")
    origin: Attribute[str] = persistent("who wrote it, as it says itself", default="")
    telescopes: Links[Telescope] = reference("telescopes with events in the file", default=())
    site: OptionalLink[Site] = reference("where it was taken, if the file tells", default=None)
    simulation: OptionalLink[SimulatedRun] = link("simulated run it comes from", default=None)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Tell by its bytes whether a file is a raw event file."""
        return events.identify(path) is not None

    @classmethod
    def from_file(cls, path: Path) -> RawFile:
        """Return what a file says of itself; the whole file is checked."""
        header = events.read_header(path)
        cameras = {t.camera.name: Camera.of(t.camera) for t in header.telescopes}
        facts = header.facts
        site = Site.named(facts.get("site"))
        return cls(
            original_name=path.name,
            run=header.run,
            kind=header.event_kind,
            state=header.calibration_state,
            file_format=header.format,
            start=header.start,
            stop=header.stop,
            n_events=header.n_events,
            alt=header.pointing.alt,
            az=header.pointing.az,
            ra=header.pointing.ra,
            dec=header.pointing.dec,
            target_ra=_number(facts.get("source_ra")),
            target_dec=_number(facts.get("source_dec")),
            origin=str(facts.get("origin", "")),
            telescopes=[Telescope.of(t, cameras[t.camera.name], site) for t in header.telescopes],
            site=site,
            simulation=_simulated(path),
        )

    def format(self) -> tuple[str, str, str]:
        """Return format name, media type and ending of the file."""
        ending = _ENDINGS[self.file_format]
        if self.file_format == "simtel":
            ending += "".join(s for s in (".gz", ".zst") if self.original_name.endswith(s))
        return self.file_format, _MEDIA.get(self.file_format, "application/octet-stream"), ending

    def process(self) -> tuple[sip.ProcessKind, str]:
        """Return what sort of process wrote the file, and its name."""
        if self.simulation is not None or self.file_format == "simtel":
            return sip.ProcessKind.SIMULATION, self.origin or "sim_telarray"
        return sip.ProcessKind.OBSERVATION, self.origin or "data acquisition"


def _simulated(path: Path) -> SimulatedRun | None:
    """Return the simulated run that a file says it is, None if it says nothing that is known.

    Raises
    ------
    BadInput
        It has other content than that run.
    """
    try:
        object_id = check_object_id((block.read_block(path) or {}).get("object_id", ""))
    except BadValue:
        return None
    made = SimulatedRun.select(object_id=object_id).first()
    if made is not None and made.file().content_digest != block.content_digest(path):
        raise BadInput(
            f"{path.name} says that it is {made!r}, but has other content",
            expected="the file as it was simulated",
            do="Retrieve it again ('awlta retrieve')",
        )
    return made


def _number(fact: str | int | float | None) -> float | None:
    return None if fact is None else float(fact)
