"""The runner: carries out one order, without a database connection, and ends."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from awlta.errors import AwltaError, Fault, RecipeFailed
from awlta.lineage import DataProduct
from awlta.lineage.making import making
from awlta.lineage.recipes.packages import load_recipes, recipe_packages
from awlta.lineage.recipes.sources import running_release
from awlta.persistent import store
from awlta.processing import WorkOrder
from awlta.processing.wire import Wire
from awlta.storage.client import DataClient

from .checks import build
from .counter import Counter
from .recorder import RemoteRecorder

_log = logging.getLogger("awlta.runner")


def main(argv: list[str]) -> int:
    """Carry out one order.

    Parameters
    ----------
    argv : list of str
        Arguments without the name of the program, see ``--help``.

    Returns
    -------
    int
        0 when the product is committed, 1 when it is not, 2 after a wrong argument.
    """
    options = parse(argv)
    load_recipes()
    return run(options, running_release(("awlta", *recipe_packages())).digest)


def run(options: argparse.Namespace, release: str) -> int:
    """Carry out one order in a process in which the recipes are loaded.

    Parameters
    ----------
    options : Namespace
    release : str
        Digest of the sources that this process has imported.
    """
    if options.with_parent:
        threading.Thread(target=_watch_parent, daemon=True).start()
    # A runner may be killed at any moment: what it printed shall be in the log by then.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    try:
        token = options.token_file.read_text().strip()
        line = Line(Wire(options.front_end, token), options.order, options.attempt)
        client = DataClient(options.dataserver, token)
        return carry_out(line, release, client, options.scratch)
    except (AwltaError, OSError):
        _log.exception("The order %s was not carried out", options.order)
        return 1


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the options of a runner."""
    parser = argparse.ArgumentParser(prog="runner", description="Carry out one work order.")
    parser.add_argument("--front-end", required=True, help="URL of the DPU front-end")
    parser.add_argument("--order", required=True, help="id of the order")
    parser.add_argument("--attempt", type=int, default=1, help="number of the attempt")
    parser.add_argument("--token-file", type=Path, required=True, help="bearer token of both")
    parser.add_argument("--dataserver", required=True, help="URL of the dataserver")
    parser.add_argument("--scratch", type=Path, help="folder for inputs and outputs")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser.parse_args(argv)


class Line:
    """The runner's line to its front-end, for one attempt at one order."""

    def __init__(self, wire: Wire, order_id: str, attempt: int) -> None:
        self._wire = wire
        self.order_id = order_id
        self.attempt = attempt

    def take(self, release: str) -> WorkOrder:
        """Take the order, showing the release that runs here."""
        path = f"/orders/{quote(self.order_id)}?attempt={self.attempt}&release={release}"
        return WorkOrder.from_json(self._wire.ask("GET", path))

    def ask(self, request: str, **body: Any) -> Any:
        """Make one request for the order."""
        path = f"/orders/{quote(self.order_id)}/{request}"
        return self._wire.ask("POST", path, {"attempt": self.attempt, **body})


def carry_out(line: Line, release: str, client: DataClient, scratch: Path | None) -> int:
    """Make the product of an order and have it committed; report to the front-end if not."""
    recorder = RemoteRecorder(line.ask)
    try:
        order = line.take(release)
        counter = Counter(line.ask, client)
        store.set(counter)
        product = _product(order, counter)
        making.run(
            product,
            recorder,
            counter.client,
            scratch,
            order.user,
            order_id=order.order_id,
            tell=counter.set_bench,
        )
        return 0
    except (Exception, SystemExit) as error:  # noqa: BLE001  # told to the front-end
        _log.exception("There is no product")
        recorder.report(_told(error).to_json())
        return 1


def _product(order: WorkOrder, counter: Counter) -> DataProduct:
    ids = [i for linked in order.product.links.values() for i in linked]
    return build(order.product, counter.objects(ids))


def _told(error: BaseException) -> AwltaError:
    """Return an error as it is told: whose fault it was decides whether it is tried again."""
    if isinstance(error, AwltaError):
        return error
    if isinstance(error, SystemExit):
        return RecipeFailed(
            f"The recipe ended the process with status {error.code}",
            expected="a make() that returns or raises",
        )
    return Fault(f"The runner failed: {error!r}", do="Report this, with the log of the job")


def _watch_parent() -> None:
    """Wait for the end of standard input, then end this process and all that it started."""
    while os.read(0, 4096):
        continue
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
