"""Writers that are killed: forked from this program, which has loaded all they need.

On its input it is told ``start SEED LOG UNITS``, and answers with the pid of a writer that waits;
``go PID`` lets that begin, ``wait PID`` is answered with how it ended. A writer tells its log, a
line of JSON each, which products it is about to commit in one unit, and which are acknowledged.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from factories import Dish, Layout, Merged, Sensor, Thresholds

from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.lineage.recipes.packages import recipe_packages
from awlta.lineage.recipes.sources import running_release


class Writer:
    """Commits whatever its dice say, one unit after another."""

    def __init__(self, profile: Profile, seed: int, log: Path) -> None:
        self.dice = random.Random(seed)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.workspace = Workspace(profile)
        self.products: list[Merged] = []

    def run(self, n_units: int) -> None:
        """Commit so many units; 0 for no end."""
        acts = (self.graph, self.one, self.together, self.judge)
        with self.workspace.use():
            for number in count(1):
                self.dice.choice(acts)(number)
                if number == n_units:
                    break
        self.workspace.close()

    def tell(self, what: str, *facts: Any) -> None:
        """Write a line that outlives this process."""
        os.write(self.log, (json.dumps([what, *facts]) + "\n").encode())

    def begin(self, objects: Sequence[Any]) -> list[str]:
        """Tell what is about to be committed, with how many links each has."""
        self.tell("begin", [[o.object_id, type(o).__name__, len(o.linked())] for o in objects])
        return [o.object_id for o in objects]

    def graph(self, number: int) -> None:
        """Commit a layout of dishes with their sensors, and parameters that others commit too."""
        sensors = [Sensor(name=f"sensor-{number}.{n}") for n in range(2)]
        dishes = [Dish(name=f"dish-{number}.{n}", sensor=s) for n, s in enumerate(sensors)]
        layout = Layout(number=number, dishes=dishes, centre=dishes[0])
        committed = self.begin([*sensors, *dishes, layout])
        first, second = self.dice.sample(range(20), 2)
        self.workspace.commit(layout, Thresholds(weight=first / 2), Thresholds(weight=second / 2))
        self.tell("done", committed)

    def merged(self, number: int) -> Merged:
        """Return a product that is made from up to two others."""
        n_inputs = self.dice.randint(0, min(2, len(self.products)))
        return Merged(number=number, inputs=self.dice.sample(self.products, n_inputs))

    def one(self, number: int) -> None:
        """Make one product."""
        product = self.merged(number)
        committed = self.begin([product])
        product.make()
        self.tell("done", committed)
        self.products.append(product)

    def together(self, number: int) -> None:
        """Make five products, each from the one before, in one unit."""
        made = [self.merged(number)]
        while len(made) < 5:
            made.append(Merged(number=number, inputs=[made[-1]]))
        committed = self.begin(made)
        with self.workspace.together():
            for product in made:
                product.make()
        self.tell("done", committed)
        self.products += made

    def judge(self, number: int) -> None:
        """Say of up to three products that they are bad."""
        judged = self.products[-3:]
        if judged:
            self.workspace.judge(judged, 0, f"verdict {number}")
            self.tell("judged", [p.object_id for p in judged])


def serve(profiles: Sequence[Profile]) -> None:
    """Fork writers as told; every second one works at the level of its project."""
    running_release(("awlta", *recipe_packages()))  # read once, not by every writer
    gates: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case "start", seed, log, n_units:
                outlet, inlet = os.pipe()
                pid = os.fork()
                if pid == 0:
                    writer = Writer(profiles[int(seed) % 2], int(seed), Path(log))
                    os.read(outlet, 1)
                    writer.run(int(n_units))
                    os._exit(0)
                gates[pid] = inlet
                print(pid, flush=True)
            case "go", pid:
                os.write(gates[int(pid)], b"g")
            case "wait", pid:
                _, status = os.waitpid(int(pid), 0)
                print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    database, dataserver, *folders = sys.argv[1:]
    serve(
        [
            Profile(
                Path(f),
                "ada",
                project="CRAB",
                privileges=n,
                database=database,
                dataserver=dataserver,
            )
            for n, f in enumerate(folders, 1)
        ]
    )
