"""The arguments of every verb, and in which module each verb is done.

Nothing heavy is imported here: ``awlta --help`` must answer at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from .. import __version__

Adder = Callable[[argparse.ArgumentParser], None]


def _init(p: argparse.ArgumentParser) -> None:
    p.add_argument("--user", help="your name in the database (default: your login)")
    p.add_argument("--project", help="project that new objects belong to (default: MYPROJECT)")
    p.add_argument("--privileges", type=int, help="1 MyDB (default) to 5 VO")
    p.add_argument("--database", help="SQLAlchemy URL (default: SQLite in the home folder)")
    p.add_argument("--dataserver", help="URL (default: a local process, started when needed)")
    p.add_argument("--dpu", help="URL (default: a local process, started when needed)")


def _ingest(p: argparse.ArgumentParser) -> None:
    p.add_argument("files", nargs="+", type=Path, metavar="FILE")
    p.add_argument("--sip", type=Path, help="document that announces the (one) file")


def _class_and_selection(p: argparse.ArgumentParser) -> None:
    p.add_argument("cls", metavar="CLASS", help="data product that is wanted")
    p.add_argument("--run", type=int, help="only this run (calibration runs are always taken)")


def _jobs(p: argparse.ArgumentParser) -> None:
    p.add_argument("job", nargs="?", metavar="JOB", help="one job, with its log")
    p.add_argument("--cancel", action="store_true", help="cancel the job")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _query(p: argparse.ArgumentParser) -> None:
    p.add_argument("cls", metavar="CLASS")
    p.add_argument(
        "conditions",
        nargs="*",
        metavar="CONDITION",
        help="such as run=7, 'raw.telescope.name=LST*', 'n_events>100'; all must hold",
    )
    p.add_argument("--columns", help="dotted paths, separated by commas")
    p.add_argument("--order", metavar="PATH", help="dotted path; --order=-PATH for falling")
    p.add_argument("--limit", type=_number, default=50, help="most rows (default 50)")
    p.add_argument("--explain", action="store_true", help="show SQL and plan instead")


def _show(p: argparse.ArgumentParser) -> None:
    p.add_argument("what", metavar="OBJECT|CLASS", help="object_id, its end, or a class")


def _lineage(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "what", metavar="OBJECT|CLASS", help="object_id, its end, or a class: its newest"
    )
    p.add_argument("--svg", type=Path, metavar="FILE", help="write a picture")
    p.add_argument("--prov", type=Path, metavar="FILE", help="write W3C PROV-JSON")
    p.add_argument("--descendants", action="store_true", help="what was made from it instead")
    p.add_argument("--why", action="store_true", help="whether it is up to date, and why not")


def _retrieve(p: argparse.ArgumentParser) -> None:
    p.add_argument("what", metavar="OBJECT|CLASS")
    p.add_argument("--role", default="data", help="which file of the product (default data)")
    p.add_argument("--to", type=Path, help="file or folder (default: here)")


def _serve(p: argparse.ArgumentParser) -> None:
    p.add_argument("service", nargs="?", help="dataserver or dpu; both of the profile if left out")
    p.add_argument("arguments", nargs=argparse.REMAINDER, help="given to the service")


def _doctor(p: argparse.ArgumentParser) -> None:
    p.add_argument("--clean", action="store_true", help="do what is offered, nothing is deleted")


def _nothing(p: argparse.ArgumentParser) -> None:
    pass


VERBS: dict[str, tuple[str, str, Adder]] = {
    "init": ("make profile, database and store", "setup", _init),
    "status": ("show profile, services and what is in the database", "setup", _nothing),
    "ingest": ("bring files into the archive, by SIP and ticket", "work", _ingest),
    "make": ("bring products up to date here, inputs first", "work", _class_and_selection),
    "submit": ("bring products up to date on the DPU", "work", _class_and_selection),
    "jobs": ("list jobs of the DPU, show a log, cancel", "work", _jobs),
    "query": ("list objects of a class", "ask", _query),
    "show": ("show an object, or what a class is", "ask", _show),
    "lineage": ("show what an object was made from", "ask", _lineage),
    "retrieve": ("bring a file of a product here, verified", "ask", _retrieve),
    "serve": ("run services until interrupted", "setup", _serve),
    "doctor": ("find what a kill or a fault left behind", "setup", _doctor),
}
"""Verb to its help, the module of this package that does it, and its arguments."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="awlta",
        description="Every data product knows its origin: make it, ask it, make it again.",
        epilog="The prompt is 'awe'. Exit: 0 well, 1 fault of the system, 2 mistake of the call.",
    )
    whole.add_argument("--version", action="version", version=f"awlta {__version__}")
    verbs = whole.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (text, _, add) in VERBS.items():
        one = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add(one)
        if name != "serve":
            one.add_argument("--json", action="store_true", help="answer in JSON")
            one.add_argument("--home", type=Path, help="profile folder (default $AWLTA_HOME)")
    return whole
