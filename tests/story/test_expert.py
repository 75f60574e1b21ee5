"""What an Astro-WISE expert types, on the classes of this observatory: each line works as it is.

Filters are telescopes here, bias frames are pedestals, chips are cameras.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deliveries import START, deliver

from awlta.archive import ingest
from awlta.config import Profile
from awlta.face import prompt
from awlta.lineage import Workspace
from awlta.lineage.recipes.packages import load_recipes
from awlta.persistent.database import create
from awlta.processing import Dpu
from awlta_recipes.events import EventKind

HOUR = timedelta(hours=1)

load_recipes()  # before a page that is typed along takes away the classes that came with it

CONTEXT = """
context.get_current_project()
context.set_project('CRAB'); context.set_privileges(1)
RawEvents.get_persistent_properties()
help(PedestalCalibration)
"""

QUERIES = """
q = (RawEvents.telescope.name == 'T-1') & (RawEvents.source.original_name.like('run*'))
q &= RawEvents.start > datetime.datetime(2000,4,28)
len(q)
q[0].telescope.name, q[0].telescope.camera.name
for f in q: print(f.start, f.source.original_name)
q | (RawEvents.run == 1)
~q
RawEvents.select(date='2026-01-15', telescope='T-1', kind='observation')
RawFile.select_all().project_only('CRAB')
raws = RawEvents.select_all(); raws &= RawEvents.kind.in_(['pedestal', 'flatfield'])
raws.max('creation_date').run, raws.min('run').run, raws.order_by('-run')[0:2]
CameraImages.calibration.is_(None)
cls = RawFile; d = cls.telescopes.contains(q[0].telescope); d &= cls.is_valid == 1
fo = (d & (cls.run == 7)).max('creation_date').file(); fo.name
d.files(), d.best_replica()[0].url
raw = d[0]; raw.retrieve()
q.explain(); q.to_table(['start', 'telescope.name'])
q.counts('telescope.name')
RawFile.within(83.63, 22.01, 2*deg) & (RawFile.run == 7)
SkyMap.within(83.63, 22.01, 2*deg)
q[0]._creator, q[0]._project, q[0]._privileges
"""

MAKING = """
dark = RawEvents.select(kind='pedestal')[0]
bias = PedestalCalibration(raw=dark, parameters=PedestalParameters())
bias.parameters = PedestalParameters(); bias.parameters.clip = 6.0
bias.make(); bias.verify(); bias.inspect()
bias.is_made(), bias.is_verified(), bias.get_qcflags_set()
bias.timestamp_start, bias.timestamp_end, bias.is_valid
bias.store(); bias.commit()
bias._creator, bias._project, bias._privileges
flash = RawEvents.select(kind='flatfield')[0]
cal = CameraCalibration(raw=flash, pedestal=bias, parameters=FlatFieldParameters()); cal.make()
pars = Pars(CameraImages, telescope='T-1'); pars.show(); pars.get()
t = CameraImages.get_target(raw=q[0], parameters=ExtractionParameters())
t.exist(); t.make(); t.uptodate(); t.exist()
shower = ShowerGeometry(images=[], parameters=StereoParameters())
image = ImageParameters.get_target(images=t, parameters=CleaningParameters()); image.make()
shower.images.append(image)
t.is_valid = 0
t.uptodate(explain=True); t.lineage().to_prov(); t.dependents()
with as_of('2024-01-01'): print(len(RawEvents.select_all()))
t.is_valid = 1
context.publish(t, 2, dry_run=True)
"""


class Prompt:
    """A prompt at which lines are typed; it keeps names and what the lines gave."""

    def __init__(self, workspace: Workspace, dpu: Dpu) -> None:
        self.names = prompt.names(workspace, dpu)
        exec("import datetime; from astropy.units import deg", self.names)

    def type(self, lines: str) -> None:
        """Type lines; a fault is told with its line."""
        for line in filter(None, lines.splitlines()):
            try:
                exec(compile(f"{line}\n", "<awe>", "single"), self.names)
            except Exception as error:
                raise AssertionError(f"awe> {line}: {error!r}") from error

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


@pytest.fixture(scope="module")
def awe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prompt]:
    """A prompt in a home with a pedestal run, a flat-field run and an observation."""
    home = tmp_path_factory.mktemp("expert")
    profile = Profile(home, "ada", project="CRAB")
    create(profile.database_url, 0)
    workspace = Workspace(profile)
    runs: list[tuple[str, dict[str, Any]]] = [
        (
            "dark.h5",
            {"run": 1, "kind": EventKind.PEDESTAL, "start": START - 2 * HOUR, "n_events": 12},
        ),
        ("flash.h5", {"run": 2, "kind": EventKind.FLATFIELD, "start": START - HOUR}),
        ("run7.h5", {"run": 7}),
    ]
    with (
        closing(workspace),
        closing(Dpu(workspace)) as dpu,
        workspace.use(),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.chdir(home)
        for name, facts in runs:
            ingest(workspace, deliver(home, name, **facts))
        opened = Prompt(workspace, dpu)
        opened.type("steps = make(RawEvents)")
        yield opened


def test_the_context_and_a_class_are_looked_at(
    awe: Prompt, capsys: pytest.CaptureFixture[str]
) -> None:
    awe.type(CONTEXT)
    said = capsys.readouterr().out
    assert "project CRAB" in said
    assert "'calibration_time'" in said
    assert "robust" not in said
    assert "pedestal events" in said


def test_the_expert_s_queries_are_asked_as_they_are_typed(
    awe: Prompt, capsys: pytest.CaptureFixture[str]
) -> None:
    awe.type(QUERIES)
    said = capsys.readouterr().out
    assert "2026-01-15 22:00:00+00:00 run7.h5" in said
    assert "('ada', 'CRAB', 1)" in said
    assert "<query for RawFile: 3 objects>" in said
    assert "SkyMap.parameters.within(83.63, 22.01, 2)" in said
    assert len(awe["q"]) == 1
    assert awe["fo"].role == "data"
    assert Path(awe["raw"].file().name).stat().st_size == awe["raw"].file().size


def test_the_expert_makes_a_calibration_and_images_with_it(
    awe: Prompt, capsys: pytest.CaptureFixture[str]
) -> None:
    awe.type("q = RawEvents.run == 7")
    awe.type(MAKING)
    said = capsys.readouterr().out
    assert "(True, True, [])" in said
    assert awe["bias"].parameters.clip == 6.0
    assert awe["bias"].timestamp_start == START - 2 * HOUR
    assert awe["t"].calibration is awe["cal"]
    assert [image.images for image in awe["shower"].images] == [awe["t"]]
