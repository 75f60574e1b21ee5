"""The verbs that look at products and say what they are worth: judge, inspect, pars."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from ..errors import BadValue
from ..lineage import DataProduct, Pars, Verdict, Workspace, opened
from ..lineage.overview import find
from ..lineage.quality.quality import usable_keys
from ..lineage.quality.verdicts import NO_REASON, WORDS, Marked, question
from .output import print_json, say, table, words

MARK, LEAVE, ASK = "mark", "leave", "ask"


def judge(call: Namespace) -> int:
    """Say what a product is worth, or show what was said of it."""
    with opened() as workspace:
        obj = _product(find(workspace, call.what.lower()))
        if call.value is None:
            return _show(workspace, obj, call)
        verdict = workspace.judge(obj, call.value, call.reason or "")
        is_bad = call.value == 0
        marked = _mark(verdict, call) if is_bad else Marked(0, 0)
        used_by = verdict.used_by if is_bad else {}
    if call.json:
        answer = {**_verdict(verdict), "used_by": used_by}
        print_json({**answer, "marked": marked.marked, "left": marked.left})
        return 0
    say(f"{obj!r}: {verdict}")
    if used_by:
        what = ", ".join(f"{number} {name}" for name, number in used_by.items())
        say(f"Made from it, and out of date now: {what}.")
    if marked.marked or marked.left:
        say(f"{marked.marked} marked bad, {marked.left} left to those who may judge them.")
    return 0


def _mark(verdict: Verdict, call: Namespace) -> Marked:
    """Mark what was made from a product that is bad, as the call says or a person answers."""
    wanted = call.dependents
    if wanted == ASK and not call.json and ask(verdict):
        wanted = MARK
    return verdict.mark_dependents() if wanted == MARK else Marked(0, 0)


def ask(verdict: Verdict) -> bool:
    """Ask whether dependents shall be marked too; nobody is asked without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    text = question(verdict)
    if not text:
        return False
    try:
        return input(f"{text} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def ask_and_mark(verdict: Verdict) -> None:
    """Ask, mark where the answer is yes, and say what was done; for the prompt."""
    if ask(verdict):
        done = verdict.mark_dependents()
        say(f"{done.marked} marked bad, {done.left} left to those who may judge them.")


def _show(workspace: Workspace, obj: DataProduct, call: Namespace) -> int:
    verdicts, flags = obj.verdicts(), obj.quality_report()
    may = bool(usable_keys(workspace, [obj.__dict__["_key"]]))
    if call.json:
        print_json(
            {
                "class": type(obj).__name__,
                "object_id": obj.object_id,
                "is_valid": obj.is_valid,
                "is_verified": obj.is_verified(),
                "is_selectable": may,
                "verdicts": [_verdict(verdict) for verdict in verdicts],
                "flags": [raised.to_json() for raised in flags],
            }
        )
        return 0
    checked = "verified" if obj.is_verified() else "never verified"
    choice = "may be selected" if may else "is not selected"
    say(f"{obj!r}: {obj.is_valid} ({WORDS[int(obj.is_valid)]}), {checked}, {choice}")
    rows = [(v.value, v.author, words(v.written), v.reason or NO_REASON) for v in verdicts]
    if rows:
        table("\nVerdicts", ("value", "by", "at (UTC)", "reason"), rows, n_prose=1)
    found = [(f.flag, f.value, f.threshold, "yes" if f.blocking else "no", f.doc) for f in flags]
    if found:
        columns = ("flag", "value", "limit", "blocks", "meaning")
        table("\nQuality flags", columns, found, n_prose=1)
    return 0


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "value": verdict.value,
        "author": verdict.author,
        "reason": verdict.reason,
        "written": verdict.written,
    }


def inspect(call: Namespace) -> int:
    """Draw a product, or find the picture that was drawn before, and bring it here."""
    with opened() as workspace:
        picture = _product(find(workspace, call.what.lower())).inspect()
        path = picture.retrieve(call.to)
        record = picture.file()
    if call.json:
        print_json({"object_id": picture.object_id, "path": str(path), **record.to_json()})
    else:
        say(f"{path}  {record.size} bytes, {picture!r}")
    return 0


def pars(call: Namespace) -> int:
    """Show the parameters of a class and of all that its products are made from."""
    with opened():
        found = Pars(call.cls, telescope=call.telescope, category=call.category)
        if call.json:
            print_json(found.to_json())
        else:
            say(found.show())
    return 0


def _product(obj: Any) -> DataProduct:
    if isinstance(obj, DataProduct):
        return obj
    raise BadValue(f"{obj!r} is no data product", expected="an object that a recipe has made")
