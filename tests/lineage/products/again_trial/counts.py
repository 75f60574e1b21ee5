"""Products that are made again by a release: counts in a file, their sum, and what goes wrong."""

from __future__ import annotations

import json

import h5py
import numpy as np

from awlta.lineage import DataProduct, Parameters, Selection, new_hdf5, recipe
from awlta.persistent import Attribute, Link, link, persistent


class AgainWeights(Parameters):
    """What counts are multiplied with."""

    weight: Attribute[float] = persistent("factor", default=2.0, low=0.0, high=10.0)


class AgainCounts(DataProduct):
    """A table with the events 0, 1 ... n-1 and their weighted counts, and a list of them."""

    n: Attribute[int] = persistent("number of events", default=4, low=0)
    weights: Link[AgainWeights] = link("factor")
    gains: Attribute[np.ndarray] = persistent("weight of each event", init=False)

    @recipe
    def make(self) -> None:
        """Write the counts."""
        rows = np.zeros(self.n, [("event_id", np.int64), ("count", np.float64)])
        rows["event_id"] = np.arange(self.n)
        rows["count"] = np.arange(self.n) * self.weights.weight
        with new_hdf5(self.create(".h5")) as file:
            file["dl1/event/counts"] = rows
            file["dl1"].attrs["n"] = self.n
        self.create(".json", role="list").write_text(json.dumps(rows["count"].tolist()))
        self.gains = np.full(self.n, self.weights.weight)

    @classmethod
    def targets(cls, wanted: Selection) -> list[AgainCounts]:
        """Return the one that there should be."""
        return [cls.get_target(weights=AgainWeights())]


class AgainSum(DataProduct):
    """The sum of counts; a product without a file."""

    counts: Link[AgainCounts] = link("counts that are added")
    total: Attribute[float] = persistent("sum", init=False)
    standing: Attribute[str] = persistent("what is said of the counts", init=False)

    @recipe
    def make(self) -> None:
        """Add them up."""
        with h5py.File(self.counts.retrieve()) as file:
            self.total = float(file["dl1/event/counts"]["count"].sum())
        self.standing = f"{self.counts.is_valid} {self.counts._project}"

    @classmethod
    def targets(cls, wanted: Selection) -> list[AgainSum]:
        """Return one for each table of counts."""
        return [cls.get_target(counts=counts) for counts in wanted.of(AgainCounts)]
