"""The verbs that give room back: delete, undelete, purge."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import Any

from ..errors import BadValue
from ..lineage import opened
from ..lineage.overview import find
from ..lineage.retention.policies import expire, parse_span, read_policy
from ..lineage.retention.purging import Purge
from ..lineage.retention.purging import purge as remove_bytes
from ..lineage.retention.retention import GRACE, Deletion
from ..lineage.retention.retention import delete as delete_objects
from ..lineage.retention.retention import undelete as undelete_objects
from ..lineage.retention.tombstone import deleted
from .output import print_json, say, table


def delete(call: Namespace) -> int:
    """Delete products; row and lineage stay, the bytes go when the grace is over."""
    grace: timedelta = GRACE if call.grace is None else parse_span(call.grace, "--grace")
    with opened() as workspace:
        done = delete_objects(
            workspace,
            [find(workspace, text) for text in call.objects],
            call.reason,
            dependents=call.dependents,
            grace=grace,
            dry_run=call.dry_run,
        )
    if call.json:
        print_json({**done.to_json(), "dry_run": call.dry_run})
        return 0
    if not done.objects:
        say("All of it is deleted already.")
        return 0
    would = "would be" if call.dry_run else "are"
    table(f"These {would} deleted:", ("class", "object_id"), done.objects)
    say(
        f"'awlta undelete' brings them back until {done.until:%Y-%m-%d %H:%M} UTC, "
        f"after that 'awlta purge' frees {done.bytes} bytes."
    )
    return 0


def undelete(call: Namespace) -> int:
    """Take deletions back, or list what is deleted."""
    if not call.objects and (call.dependents or call.reason):
        raise BadValue("Nothing is named that is to be brought back", expected="object_ids")
    with opened() as workspace:
        if not call.objects:
            return _list(call, deleted(workspace))
        number = undelete_objects(
            workspace,
            [find(workspace, text) for text in call.objects],
            call.reason or "undone",
            dependents=call.dependents,
        )
    print_json({"undeleted": number}) if call.json else say(f"{number} brought back.")
    return 0


def _list(call: Namespace, found: list[Any]) -> int:
    if call.json:
        print_json([{"class": n, "object_id": i, **stone.to_json()} for n, i, stone in found])
    elif not found:
        say("Nothing of yours is deleted.")
    else:
        rows = [(n, i, s.written, s.until, s.reason, s.remedy) for n, i, s in found]
        columns = ("class", "object_id", "deleted", "until", "reason", "what can be done")
        table("", columns, rows, n_prose=2)
    return 0


def purge(call: Namespace) -> int:
    """Remove the bytes of deleted products whose grace is over."""
    with opened() as workspace:
        expired = []
        if call.policy is not None:
            expired = expire(workspace, read_policy(call.policy), dry_run=call.dry_run)
        done = remove_bytes(workspace, dry_run=call.dry_run)
    if call.json:
        rules = [{"rule": rule.words, **deletion.to_json()} for rule, deletion in expired]
        print_json({**done.to_json(), "expired": rules, "dry_run": call.dry_run})
        return 0
    for rule, deletion in expired:
        _tell_expired(rule.words, deletion, call.dry_run)
    _tell_purge(done, call.dry_run)
    return 0


def _tell_expired(words: str, deletion: Deletion, dry_run: bool) -> None:
    would = "would expire" if dry_run else "expired"
    say(f"{words}: {len(deletion.objects)} {would}, {deletion.bytes} bytes")
    if deletion.objects:
        table("", ("class", "object_id"), deletion.objects)


def _tell_purge(done: Purge, dry_run: bool) -> None:
    would = "would be" if dry_run else "were"
    if done.objects:
        table("", ("class", "object_id"), done.objects)
    say(f"{done.files} files of {len(done.objects)} products, {done.bytes} bytes, {would} removed.")
    for name, object_id, why in done.kept:
        say(f"{name} {object_id} keeps its bytes: {why}")
