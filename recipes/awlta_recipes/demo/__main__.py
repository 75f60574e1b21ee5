"""From a simulated night to a sky map, with full lineage, on SQLite and local processes.

Simulated runs (parametric, not for science) are delivered as files, ingested by SIP and Storage
Ticket, calibrated and reconstructed by the DPU. A second run finds all up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from awlta import config
from awlta.archive import ingest
from awlta.config import Profile
from awlta.errors import AwltaError, ConfigError
from awlta.lineage import Selection, Workspace, opened
from awlta.lineage.planning import chain
from awlta.persistent.database import create
from awlta.processing import Dpu

from ..raw_file import RawFile
from ..simulated_run import SimulatedRun, SimulationParameters
from ..sky_map import SkyMap

TREE_LINES = 24


@dataclass
class Report:
    """What the demonstration did: class name to (made, up to date)."""

    counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def n_made(self) -> int:
        """Products made or ingested now."""
        return sum(made for made, _ in self.counts.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 0 well, 1 fault."""
    call = _arguments(arguments)
    console = Console(stderr=call.json, highlight=False)
    try:
        profile = _profile(call.home)
        with opened(profile) as workspace:
            dpu = Dpu(workspace)
            try:
                report, sky = _run(workspace, dpu, call.seed, console)
            finally:
                dpu.close()
            _tell(call, console, report, sky)
    except AwltaError as error:
        console.print(f"demo: {error}", markup=False)
        return 1
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("demo"), help="profile folder")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    return parser.parse_args(arguments)


def _profile(home: Path) -> Profile:
    try:
        return config.load(home)
    except ConfigError:
        if (home / "awlta.toml").exists():
            raise
    profile = Profile(home=home.absolute(), user=config.default_user(), project="DEMO")
    profile.home.mkdir(parents=True, exist_ok=True)
    create(profile.database_url, profile.node)
    profile.save()
    return profile


def _run(workspace: Workspace, dpu: Dpu, seed: int, console: Console) -> tuple[Report, SkyMap]:
    report = Report()
    with Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bar:

        def make(cls: type[Any], products: Sequence[Any]) -> list[AwltaError | None]:
            task = bar.add_task(cls.__name__, total=len(products))
            jobs = dpu.submit_many(products)
            dpu.wait_all(jobs, lambda n, total: bar.update(task, completed=n))
            return [job.error for job in jobs]

        runs = _simulate(seed, make, report)
        _deliver(workspace, runs, bar, report)
        steps = chain.bring_up_to_date(SkyMap, Selection(), lambda p: make(type(p[0]), p))
    for step in steps:
        for _, error in step.refused:
            raise error
        report.counts[step.cls.__name__] = (len(step.made), len(step.current))
    sky = SkyMap.select_all().max("creation_date")
    assert sky is not None, "the chain ends with a map"
    return report, sky


def _simulate(
    seed: int,
    make: Callable[[type[Any], Sequence[Any]], list[AwltaError | None]],
    report: Report,
) -> list[SimulatedRun]:
    """Make the runs of a night on the DPU; return them as they are stored."""
    parameters = SimulationParameters(seed=seed)
    missing = [run for run in SimulatedRun.night(parameters) if not run.is_made()]
    for error in make(SimulatedRun, missing) if missing else []:
        if error is not None:
            raise error
    runs = SimulatedRun.night(parameters)
    report.counts["SimulatedRun"] = (len(missing), len(runs) - len(missing))
    return runs


def _deliver(
    workspace: Workspace, runs: Sequence[SimulatedRun], bar: Progress, report: Report
) -> None:
    """Ingest each run's file as one that the site delivers."""
    missing = [run for run in runs if len(RawFile.select(simulation=run)) == 0]
    task = bar.add_task("RawFile", total=len(missing), visible=bool(missing))
    folder = workspace.profile.home / "delivered"
    folder.mkdir(exist_ok=True)
    for run in missing:
        path = run.retrieve(folder / f"run{run.run:05d}.h5")
        ingest(workspace, path)
        path.unlink()
        bar.advance(task)
    report.counts["RawFile"] = (len(missing), len(runs) - len(missing))


def _tell(call: argparse.Namespace, console: Console, report: Report, sky: SkyMap) -> None:
    home = call.home.absolute()
    sky.retrieve(home / "skymap.png", role="figure")
    lineage = sky.lineage()
    (home / "lineage.svg").write_text(lineage.to_svg())
    (home / "lineage.txt").write_text(lineage.tree() + "\n")
    if call.json:
        answer = {
            "made": report.n_made,
            "counts": {name: list(counts) for name, counts in report.counts.items()},
            "significance": sky.significance,
            "offset": sky.offset,
            "sky_map": sky.object_id,
            "content_digest": sky.content_digest,
        }
        print(json.dumps(answer))
        return
    table = Table(
        "product", "made now", "up to date before", title="What there is", show_edge=False
    )
    for name, (made, current) in report.counts.items():
        table.add_row(name, str(made), str(current))
    console.print(table)
    if not report.n_made:
        console.print("\n[bold]All is up to date; nothing was made.[/]")
    console.print(
        f"\nExcess at the source: {sky.excess:.1f} showers ({sky.n_on} on, {sky.n_off} off), "
        f"[bold]{sky.significance:.1f} standard deviations[/] (Li and Ma);\n"
        f"its peak lies {sky.offset:.3f} deg from the simulated source."
    )
    lines = lineage.tree().splitlines()
    console.print(f"\n[bold]Where the map comes from[/] ({len(lines)} lines in all)")
    for line in lines[:TREE_LINES]:
        console.print(line, markup=False, no_wrap=True, overflow="ellipsis", crop=True)
    here = _short(home)
    console.print(f"\nSky map: {here}/skymap.png   lineage: {here}/lineage.svg, {here}/lineage.txt")
    prefix = f"AWLTA_HOME={here} {_short(Path(sys.prefix))}/bin/"
    console.print("\nNext, type", markup=False)
    console.print(f"  {prefix}awlta lineage SkyMap --why", markup=False, soft_wrap=True)
    console.print(f"  {prefix}awe", markup=False, soft_wrap=True)


def _short(path: Path) -> str:
    """Return a path relative to here where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
