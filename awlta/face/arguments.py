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
    p.add_argument("--plan", action="store_true", help="show what would be made, and why; stop")
    p.add_argument(
        "--as-of", metavar="DATE", help="choose inputs as on that date, such as 2026-01-31"
    )
    p.add_argument("--remake", action="store_true", help="make CLASS again though up to date")
    p.add_argument("--pinned", metavar="NAME", help="choose calibrations from this set alone")


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
    p.add_argument("--within", metavar="RA,DEC,RADIUS", help="in a cone on the sky, degrees")
    p.add_argument("--night", metavar="DATE", help="in the night of a date, noon to noon there")
    p.add_argument("--count", metavar="PATHS", help="count by dotted paths instead of listing")
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


def _reproduce(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "what", metavar="OBJECT|CLASS", help="object_id, its end, or a class: its newest"
    )
    p.add_argument("--chain", action="store_true", help="everything that it was made from, too")
    p.add_argument("--exact", action="store_true", help="install the recorded packages by pip")
    p.add_argument("--keep", type=Path, metavar="FOLDER", help="keep environment, log and files")


def _calibrations(p: argparse.ArgumentParser) -> None:
    p.add_argument("cls", metavar="CLASS", help="class of calibrations")
    p.add_argument("--telescope", metavar="NAME", help="only of this telescope")
    p.add_argument("--from", dest="start", metavar="TIME", help="begin, such as 2026-03-01 (UTC)")
    p.add_argument("--to", dest="end", metavar="TIME", help="end")
    p.add_argument("--at", metavar="TIME", help="an instant: which one is chosen then")
    p.add_argument(
        "--category", default="B", choices=("A", "B", "C"), help="of the products (default B)"
    )
    p.add_argument("--svg", type=Path, metavar="FILE", help="write a picture as well")
    p.add_argument("--conflicts", action="store_true", help="ties, gaps, bad ones in use instead")
    p.add_argument("--why", metavar="OBJECT", help="why this product has which, instead")
    p.add_argument("--keep", metavar="NAME", help="keep those that are chosen now as a set")


def _judge(p: argparse.ArgumentParser) -> None:
    p.add_argument("what", metavar="OBJECT", help="object_id or its end")
    p.add_argument(
        "value", nargs="?", type=int, choices=(0, 1, 2), help="0 bad, 1 good, 2 proposed"
    )
    p.add_argument("--reason", metavar="TEXT", help="why")
    p.add_argument(
        "--dependents",
        choices=("ask", "leave", "mark"),
        default="ask",
        help="what was made from a bad one: mark it bad too? (default: ask, at a terminal)",
    )


def _inspect(p: argparse.ArgumentParser) -> None:
    p.add_argument("what", metavar="OBJECT", help="object_id or its end")
    p.add_argument("--to", type=Path, help="file or folder (default: here)")


def _pars(p: argparse.ArgumentParser) -> None:
    p.add_argument("cls", metavar="CLASS", help="data product that is wanted")
    p.add_argument("--telescope", metavar="NAME", help="defaults for this telescope")
    p.add_argument("--category", choices=("A", "B", "C"), default="B", help="default B")


def _people(p: argparse.ArgumentParser) -> None:
    p.add_argument("action", choices=("load", "show"), help="write the list of a file, or show it")
    p.add_argument("file", nargs="?", type=Path, metavar="FILE", help="TOML; for load")
    p.add_argument("--dry-run", action="store_true", help="tell what would change, change nothing")


def _publish(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "what", metavar="OBJECT|CLASS", help="object_id, its end, or a class: its newest"
    )
    p.add_argument("--level", type=int, required=True, help="2 project, 3 observatory, 4, 5 VO")
    p.add_argument("--embargo", metavar="DATE", help="others read it from then on (UTC)")
    p.add_argument("--reason", metavar="TEXT", help="kept with the new level")
    p.add_argument("--dry-run", action="store_true", help="list what would be raised, and why not")


def _retrieve(p: argparse.ArgumentParser) -> None:
    p.add_argument("what", metavar="OBJECT|CLASS")
    p.add_argument("--role", default="data", help="which file of the product (default data)")
    p.add_argument("--to", type=Path, help="file or folder (default: here)")


def _serve(p: argparse.ArgumentParser) -> None:
    p.add_argument("service", nargs="?", help="dataserver or dpu; both of the profile if left out")
    p.add_argument("arguments", nargs=argparse.REMAINDER, help="given to the service")


def _doctor(p: argparse.ArgumentParser) -> None:
    p.add_argument("--clean", action="store_true", help="do what is offered, nothing is deleted")


def _migrate(p: argparse.ArgumentParser) -> None:
    p.add_argument("--dry-run", action="store_true", help="show every statement, keep nothing")
    p.add_argument("--write", metavar="PACKAGE", help="write a revision of a recipe package")
    p.add_argument("-m", "--message", metavar="TEXT", help="what the revision is for")
    p.add_argument(
        "--new",
        action="append",
        metavar="CLASS[.ATTRIBUTE]",
        help="is new, and nothing old under another name",
    )


def _campaign(p: argparse.ArgumentParser) -> None:
    actions = ("list", "begin", "run", "status", "pause", "resume", "retry")
    p.add_argument("action", choices=(*actions, "compare", "promote", "abandon"))
    p.add_argument("name", nargs="?", metavar="NAME")
    p.add_argument("cls", nargs="?", metavar="CLASS", help="begin: products of this class")
    p.add_argument("conditions", nargs="*", metavar="CONDITION", help="begin: that fit these")
    p.add_argument("--reason", help="why; begin, promote and abandon need it")
    p.add_argument("--release", help="begin: release that the products make up (default: NAME)")
    p.add_argument("--as-of", metavar="DATE", help="begin: inputs are chosen as on this date")
    p.add_argument("--dpu", action="store_true", help="run: make the products on the DPU")


def _nothing(p: argparse.ArgumentParser) -> None:
    pass


def _export(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", type=Path, metavar="FILE", help="new file")
    wanted = p.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--object", nargs="+", dest="objects", metavar="OBJECT", help="object_ids")
    wanted.add_argument(
        "--class",
        nargs="+",
        dest="cls",
        metavar=("CLASS", "CONDITION"),
        help="objects of a class for which all conditions hold, as in query",
    )
    wanted.add_argument("--all", action="store_true", help="everything that you may read")
    p.add_argument("--files", action="store_true", help="let the bytes of the files go along")


def _import(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", type=Path, metavar="FILE", help="file that 'awlta export' wrote")
    p.add_argument("--dry-run", action="store_true", help="check it and tell what it brings")
    p.add_argument("--as-mine", action="store_true", help="as your own, in your project")


def _delete(p: argparse.ArgumentParser) -> None:
    p.add_argument("objects", nargs="+", metavar="OBJECT", help="object_id, or its end")
    p.add_argument("--reason", required=True, help="why; it is kept")
    p.add_argument("--dependents", action="store_true", help="delete what was made from it as well")
    p.add_argument("--grace", metavar="SPAN", help="how long it can be undone (default '30 d')")
    p.add_argument("--dry-run", action="store_true", help="tell what would be deleted")


def _undelete(p: argparse.ArgumentParser) -> None:
    p.add_argument("objects", nargs="*", metavar="OBJECT", help="left out: list what is deleted")
    p.add_argument("--reason", help="why; it is kept")
    p.add_argument("--dependents", action="store_true", help="what was made from it as well")


def _purge(p: argparse.ArgumentParser) -> None:
    p.add_argument("--policy", type=Path, metavar="FILE", help="first delete what it lets expire")
    p.add_argument("--dry-run", action="store_true", help="tell what would go")


VERBS: dict[str, tuple[str, str, Adder]] = {
    "init": ("make profile, database and store", "setup", _init),
    "status": ("show profile, services and what is in the database", "setup", _nothing),
    "ingest": ("bring files into the archive, by SIP and ticket", "work", _ingest),
    "make": ("bring products up to date here, inputs first", "work", _class_and_selection),
    "submit": ("bring products up to date on the DPU", "work", _class_and_selection),
    "jobs": ("list jobs of the DPU, show a log, cancel", "work", _jobs),
    "campaign": ("make a selection again, compare, promote it", "campaigns", _campaign),
    "query": ("list objects of a class", "ask", _query),
    "show": ("show an object, or what a class is", "ask", _show),
    "lineage": ("show what an object was made from", "ask", _lineage),
    "calibrations": ("show which calibrations are chosen when", "calibrations", _calibrations),
    "reproduce": ("make a product again from its record and compare", "again", _reproduce),
    "judge": ("say what a product is worth, or show what was said", "judge", _judge),
    "inspect": ("draw a product", "judge", _inspect),
    "pars": ("show the parameters of a class and its inputs", "judge", _pars),
    "publish": ("raise the level of an object and its ancestors", "rights", _publish),
    "people": ("load or show the projects, members and logins", "rights", _people),
    "retrieve": ("bring a file of a product here, verified", "ask", _retrieve),
    "export": ("write objects and all they were made from into a file", "transfer", _export),
    "import": ("take over what a file of objects holds", "transfer", _import),
    "delete": ("delete products; they can be brought back for a while", "retention", _delete),
    "undelete": ("bring deleted products back, or list them", "retention", _undelete),
    "purge": ("remove the bytes of what was deleted or has expired", "retention", _purge),
    "serve": ("run services until interrupted", "setup", _serve),
    "doctor": ("find what a kill or a fault left behind", "setup", _doctor),
    "migrate": ("bring tables to the newest revisions and classes", "evolve", _migrate),
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
    verbs = whole.add_subparsers(dest="verb", metavar="VERB [ARGUMENT]", required=True)
    for name, (text, _, add) in VERBS.items():
        one = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add(one)
        if name != "serve":
            one.add_argument("--json", action="store_true", help="answer in JSON")
            one.add_argument("--home", type=Path, help="profile folder (default $AWLTA_HOME)")
    return whole
