"""Products with small numbers, and one for each way in which a recipe can go wrong."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time

import h5py

from awlta.lineage import DataProduct, Parameters, QCFlag, new_hdf5, recipe
from awlta.persistent import Attribute, Link, Links, OptionalLink, link, persistent, reference

log = logging.getLogger("trial")


class TrialWeights(Parameters):
    """What a sum is multiplied with."""

    weight: Attribute[float] = persistent("factor", default=2.0, low=0.0, high=10.0)


class TrialCounts(DataProduct):
    """A file with the numbers 0, 1 ... n-1."""

    n: Attribute[int] = persistent("how many numbers", low=0)
    label: Attribute[str] = persistent("tells two of them apart", default="")
    largest: Attribute[int | None] = persistent("the last number", init=False)

    @recipe
    def make(self) -> None:
        """Write them."""
        with new_hdf5(self.create(".h5")) as file:
            file["numbers"] = list(range(self.n))
        self.largest = self.n - 1 if self.n else None


class TrialSum(DataProduct):
    """The sum of the numbers of a file, weighted, and of the sizes of others."""

    counts: Link[TrialCounts] = link("numbers to be added")
    others: Links[TrialCounts] = link("files whose sizes are added", default=())
    remark: OptionalLink[TrialCounts] = reference("no input", default=None)
    weights: Link[TrialWeights] = link("factor")
    total: Attribute[float] = persistent("weighted sum", init=False)

    @recipe
    def make(self) -> None:
        """Add."""
        with h5py.File(self.counts.retrieve()) as file:
            total = float(file["numbers"][:].sum())
        log.info("the sum is %g", total)
        self.total = total * self.weights.weight + sum(other.n for other in self.others)


class TrialChecked(DataProduct):
    """A file that is verified: more numbers than three are too many."""

    n: Attribute[int] = persistent("how many numbers", low=0)

    TOO_MANY = QCFlag(2, "numbers in the file above limit")

    @recipe
    def make(self) -> None:
        """Count."""
        with new_hdf5(self.create(".h5")) as file:
            file["numbers"] = list(range(self.n))

    def verify(self) -> None:
        """Read the file that was written."""
        with h5py.File(self.retrieve()) as file:
            self.TOO_MANY.above(len(file["numbers"]), 3)


class TrialDeep(DataProduct):
    """What is reached by several links, and the standing of what is linked."""

    sums: Links[TrialSum] = link("sums whose inputs are read")
    text: Attribute[str] = persistent("what was found", init=False)

    @recipe
    def make(self) -> None:
        """Follow links of links."""
        found = [
            f"{s.counts.n} {[o.n for o in s.others]} {s.weights.weight:g} "
            f"{s.is_valid} {s.quality_flags} {s.counts.files[0].size > 0} {s._project}"
            for s in self.sums
        ]
        self.text = "; ".join(found)


class TrialGate(DataProduct):
    """Waits until a file is there."""

    gate: Attribute[str] = persistent("path of that file")
    child: Attribute[bool] = persistent("start a process that outlives the recipe", default=False)
    size: Attribute[int] = persistent("size of the file written", init=False)

    @recipe
    def make(self) -> None:
        """Wait, then write a file."""
        if self.child:
            sleeper = subprocess.Popen(["sleep", "600"])
            print(f"child {sleeper.pid}")
        print("waiting", flush=True)
        while not os.path.exists(self.gate):
            time.sleep(0.01)
        path = self.create(".txt")
        path.write_text("open\n")
        self.size = 5


class TrialWrong(DataProduct):
    """Does what it must not."""

    how: Attribute[str] = persistent("what to do wrong")
    counts: Link[TrialCounts] = link("an input")

    @recipe
    def make(self) -> None:
        """Do it."""
        match self.how:
            case "query":
                len(TrialCounts.select_all())
            case "target":
                TrialCounts.get_target(n=3)
            case "open":
                open(os.path.expanduser("~/.bashrc")).close()
            case "connect":
                socket.create_connection(("127.0.0.1", 9))
            case "descendants":
                self.counts.descendants()
            case "make":
                TrialCounts(n=1).make()
            case "raise":
                _ = 1 // 0
            case "exit":
                sys.exit(3)
            case "colour":
                print("\x1b[31mred\x1b[0m \x1b]0;title\x07bell")
                raise ValueError("\x1b[2Jcleared")
            case "die":
                print("about to die", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            case "change":
                self.counts.n = 7
