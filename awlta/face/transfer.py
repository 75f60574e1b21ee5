"""The verbs that carry objects from one database to another: export, import."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ..archive.parcel import Progress, absent_files, export_parcel, import_parcel
from ..lineage import Workspace, opened
from ..lineage.overview import find
from ..persistent import find_class
from .ask import parse_condition
from .output import print_json, progress, say


@contextmanager
def _shown() -> Iterator[Progress]:
    """Give what shows a person how far it is."""
    with progress() as display:
        task = display.add_task("files", total=None)

        def show(what: str, done: int, whole: int) -> None:
            display.update(task, description=what, completed=done, total=whole)

        yield show


def export(call: Namespace) -> int:
    """Write objects, with all they were made from, into one file."""
    with opened() as workspace, _shown() as show:
        done = export_parcel(
            workspace, call.file, _wanted(workspace, call), with_files=call.files, progress=show
        )
    if call.json:
        print_json(done.to_json())
        return 0
    with_files = f", {done.files} files of {done.bytes} bytes" if call.files else ""
    say(f"{done.path}: {done.objects} objects{with_files}")
    if done.hidden:
        say(f"{done.hidden} more, outside your read scope, stayed behind.")
    return 0


def _wanted(workspace: Workspace, call: Namespace) -> Iterable[str] | None:
    """Return the object_ids that are asked for, None for all."""
    if call.all:
        return None
    if call.objects is not None:
        return [find(workspace, text).object_id for text in call.objects]
    name, *conditions = call.cls
    cls: Any = find_class(name)
    query = cls.select(*(parse_condition(cls, text) for text in conditions))
    return [row[0] for row in query.values("object_id")]


def import_(call: Namespace) -> int:
    """Write what a file of objects holds and is not here yet."""
    with opened() as workspace, _shown() as show:
        received = import_parcel(
            workspace, call.file, dry_run=call.dry_run, as_mine=call.as_mine, progress=show
        )
        absent = [] if call.dry_run else absent_files(workspace, call.file)
    if call.json:
        answer = {**received.to_json(), "absent_files": absent, "dry_run": call.dry_run}
        print_json(answer)
        return 0
    if not received.new and not received.standing:
        say(f"All {received.objects} objects are here already: nothing was written.")
        return 0
    would = "would be" if call.dry_run else "were"
    say(
        f"Of {received.objects} objects {received.new} {would} written, {received.known} are here, "
        f"{received.merged} became one with equal ones."
    )
    if received.files:
        say(f"{received.files} files of {received.bytes} bytes were stored.")
    if received.standing:
        say(f"{received.standing} verdicts and flags were taken over.")
    if received.hidden:
        say(f"{received.hidden} objects that they were made from stayed behind where they are.")
    if absent:
        say(f"{len(absent)} files are not on this dataserver; export with --files to bring them.")
    return 0
