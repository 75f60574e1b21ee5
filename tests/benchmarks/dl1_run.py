"""One long run from its raw file to DL1: as a product, and as the same loop by itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from awlta.archive import ingest
from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.lineage.files import block as fixed_block
from awlta.persistent.database import create
from awlta_recipes import event_files, events
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.methods import CleaningParameters, ExtractionParameters
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.raw_file import RawFile
from awlta_recipes.run_calibration import NominalParameters, RunCalibration

CUTS = {"picture": 8.0, "boundary": 4.0, "min_picture_neighbors": 2}


class Seconds(NamedTuple):
    """What something took: CPU time of this process and of the dataserver, and the clock."""

    cpu: float
    clock: float

    def __add__(self, other: object) -> Seconds:
        """Return both together."""
        assert isinstance(other, Seconds)
        return Seconds(self.cpu + other.cpu, self.clock + other.clock)

    def __sub__(self, other: Seconds) -> Seconds:
        """Return what is left."""
        return Seconds(self.cpu - other.cpu, self.clock - other.clock)


class Run:
    """A run, ingested, with what its images are made from.

    Parameters
    ----------
    folder : Path
        For the workspace.
    path : Path
        The raw file.
    is_cleaned : bool
        Whether images are cleaned and described; else there are images alone, for cameras of
        which the file does not tell where the pixels are.
    """

    def __init__(self, folder: Path, path: Path, *, is_cleaned: bool) -> None:
        profile = Profile(folder / "home", "ada", project="CRAB")
        profile.home.mkdir(parents=True)
        create(profile.database_url, 0)
        self.folder, self.path, self.workspace = folder, path, Workspace(profile)
        with self.workspace.use():
            ingest(self.workspace, path)
            (source,) = RawFile.select_all()
            self.raw = RawEvents(source=source, telescope=source.telescopes[0])
            self.raw.make()
            self.own = RunCalibration(raw=self.raw, parameters=NominalParameters())
            self.own.make()
            self.cleaning = CleaningParameters(**CUTS) if is_cleaned else None
            if self.cleaning is not None:
                self.cleaning.commit()
        assert self.workspace._dataserver is not None
        self._server = self.workspace._dataserver.pid

    def now(self) -> Seconds:
        """Return CPU time, of all threads here and in the dataserver, and the clock."""
        tasks = Path(f"/proc/{self._server}/task").glob("*/schedstat")
        server = sum(int(task.read_text().split()[0]) for task in tasks)
        return Seconds(time.process_time() + server * 1e-9, time.perf_counter())

    def took(self, call: Callable[[], object]) -> Seconds:
        """Return what a call takes."""
        start = self.now()
        call()
        return self.now() - start

    def intention(self) -> CameraImages:
        """Return images to be made."""
        return CameraImages(
            raw=self.raw,
            calibration=None,
            run_calibration=self.own,
            parameters=ExtractionParameters(),
            cleaning=self.cleaning,
        )

    def make(self) -> None:
        """Make a product."""
        self.intention().make()

    def without_lineage(self) -> None:
        """Do what the recipe does, and nothing else."""
        images = self.intention()
        constants = images._constants()
        chain, telescope = images._chain(constants), self.raw.telescope
        target = self.folder / "alone.h5"
        with event_files.new_event_file(target, self.raw.source, [telescope]) as file:
            for block in events.ahead(events.iterate(self.path, telescope.tel_id)):
                shown = chain(block.waveforms, unusable=~block.pixel_ok)
                took_part = np.ones((len(block), 1), np.bool_)
                file.append_triggers(
                    event_files.triggers(self.raw.source, block.event_id, block.time, took_part)
                )
                images._append(file, block.event_id, shown)
        target.unlink()

    def parts(self) -> dict[str, Seconds]:
        """Make a product, and return what its parts took, by name; ``make`` is the whole.

        The recipe, the transport and the digests are called through functions that look at the
        clock; what is left of the whole is what lineage costs: intent, watch from outside,
        identity block, activity, commit.
        """
        spent = dict.fromkeys(("recipe", "retrieve", "store", "remove"), Seconds(0.0, 0.0))
        client, recipe = self.workspace.client(), CameraImages.__recipe__
        assert recipe is not None
        _ = recipe.identity  # of the function as it is
        with ExitStack() as stack:
            for owner, name, part in (
                (recipe, "function", "recipe"),
                (client, "retrieve", "retrieve"),
                (client, "store", "store"),
                (fixed_block, "content_digest", "store"),
                (shutil, "rmtree", "remove"),  # of the scratch folder, which has the raw file
            ):
                stack.enter_context(self._watched(owner, name, part, spent))
            spent["make"] = self.took(self.make)
        spent["recipe"] -= spent["retrieve"]  # of the raw file; constants are small
        spent["retrieve"] += spent.pop("remove")
        spent["rest"] = spent["make"] - spent["recipe"] - spent["retrieve"] - spent["store"]
        return spent

    @contextmanager
    def _watched(
        self, owner: Any, name: str, part: str, spent: dict[str, Seconds]
    ) -> Iterator[None]:
        """Have what a function takes added to a part."""
        call = getattr(owner, name)

        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            start = self.now()
            try:
                return call(*arguments, **named)
            finally:
                spent[part] += self.now() - start

        with patch.object(owner, name, timed):
            yield
