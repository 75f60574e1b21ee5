"""The verb that brings a database to the newest revisions and classes: migrate."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from .. import config
from ..errors import BadValue, NotFound
from ..lineage.planning.refill import refill
from ..lineage.recipes.packages import load_recipes, revision_folders
from ..persistent.database import Database
from ..persistent.evolution.revisions import Migration
from ..persistent.evolution.revisions import migrate as bring_forward
from ..persistent.evolution.writing import write_revision
from .output import print_json, say


def migrate(call: Namespace) -> int:
    """Bring the database to the newest form, show how, or write a revision of a package."""
    if (call.write is None) != (call.message is None):
        raise BadValue(
            "Only one of --write and --message was given",
            expected="both: awlta migrate --write PACKAGE -m TEXT",
        )
    if call.write is not None and call.dry_run:
        raise BadValue("--dry-run was given with --write", expected="one: --write runs nothing")
    profile = config.load()
    folders = revision_folders(load_recipes())
    with closing(Database(profile.database_url)) as database:
        if call.write is not None:
            return _write(call, database, folders)
        done = bring_forward(
            database, profile.node, folders, dry_run=call.dry_run, new=call.new or ()
        )
    if not call.dry_run:
        refill(profile.database_url)
    if call.json:
        print_json(_described(done, call.dry_run))
    else:
        _say(done, call.dry_run)
    return 0


def _write(call: Namespace, database: Database, folders: Mapping[str, Path]) -> int:
    if call.write not in folders:
        raise NotFound(
            f"There is no recipe package {call.write!r}", expected=f"one of {', '.join(folders)}"
        )
    path = write_revision(
        database, call.write, folders[call.write], call.message, new=call.new or ()
    )
    if call.json:
        print_json({"file": str(path)})
    else:
        say(f"Wrote {path}")
        say("Read it, mend it where it says undecided(...), then: awlta migrate --dry-run")
    return 0


def _described(done: Migration, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "stages": [{"what": s.what, "statements": list(s.statements)} for s in done.stages],
        "kept": [d.to_json() for d in done.kept],
    }


def _say(done: Migration, dry_run: bool) -> None:
    for stage in done.stages:
        say(stage.what)
        for statement in stage.statements if dry_run else ():
            say(f"    {statement}")
    for difference in done.kept:
        say(f"Kept: {difference}")
    if not done.stages:
        say("Tables and classes agree. New values of an Enum and optional links need no change.")
    elif dry_run:
        say(f"{len(done.stages)} change(s) were tried and taken back: 'awlta migrate' keeps them.")
    else:
        say(f"{len(done.stages)} change(s) made.")
