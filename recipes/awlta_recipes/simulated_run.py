"""Simulated runs: a parametric toy with full waveforms, to exercise the chain. Not for science."""

from __future__ import annotations

from datetime import datetime

from awlta.lineage import DataProduct, Parameters, recipe
from awlta.persistent import Attribute, Link, link, persistent

from .events import EventKind
from .simulation import RunPlan, SimulationConfig, demonstration, simulate_run


class SimulationParameters(Parameters):
    """What is simulated: source, showers, calibration light. Parametric, not for science."""

    seed: Attribute[int] = persistent("seed of all random numbers", default=1, low=0)
    source_ra: Attribute[float] = persistent("source", unit="deg", default=83.633, low=0, high=360)
    source_dec: Attribute[float] = persistent(
        "source", unit="deg", default=22.014, low=-90, high=90
    )
    wobble_offset: Attribute[float] = persistent(
        "between source and camera centre", unit="deg", default=0.5, low=0.2, high=1.5
    )
    n_gammas: Attribute[int] = persistent("gamma rays thrown a run", default=36, low=0)
    n_hadrons: Attribute[int] = persistent("hadrons thrown a run", default=60, low=0)
    n_pedestals: Attribute[int] = persistent("events of a pedestal run", default=200, low=2)
    n_flashes: Attribute[int] = persistent("events of a flat-field run", default=200, low=2)
    duration: Attribute[float] = persistent("length of a run", unit="s", default=1200.0, low=1)

    def config(self) -> SimulationConfig:
        """Return the configuration of the simulator."""
        return SimulationConfig(**self.values())


class SimulatedRun(DataProduct):
    """The raw event file of one simulated run (R0), labelled as parametric simulation."""

    parameters: Link[SimulationParameters] = link("what is simulated")
    run: Attribute[int] = persistent("run number", low=1)
    kind: Attribute[EventKind] = persistent("observation, pedestal or flatfield")
    start: Attribute[datetime] = persistent("start of the run")
    wobble_angle: Attribute[float] = persistent(
        "from source to camera centre, north through east", unit="deg", default=0.0
    )
    n_events: Attribute[int] = persistent("array events written", init=False)

    @recipe
    def make(self) -> None:
        """Simulate the run into a file of two-gain waveforms."""
        plan = RunPlan(self.run, self.kind, self.start, self.wobble_angle)
        self.n_events = simulate_run(self.create(".h5"), self.parameters.config(), plan)

    @classmethod
    def night(cls, parameters: SimulationParameters) -> list[SimulatedRun]:
        """Return the runs of a short night: pedestal, flat field, three wobble positions."""
        return [
            cls.get_target(
                parameters=parameters,
                run=plan.run,
                kind=plan.kind,
                start=plan.start,
                wobble_angle=plan.wobble_angle,
            )
            for plan in demonstration(parameters.config())
        ]
