"""The verb for reprocessing campaigns."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..errors import BadValue
from ..lineage import opened
from ..lineage.past import instant
from ..lineage.planning.campaigns import Campaign, Progress
from ..lineage.planning.running import make_here
from ..persistent import find_class
from ..processing import Dpu
from .ask import parse_condition
from .output import print_json, progress, say, table


def campaign(call: Namespace) -> int:
    """List campaigns, or begin, run, pause, compare, promote one."""
    with opened() as workspace:
        if call.action == "list":
            return _list(call)
        if call.name is None:
            raise BadValue(f"awlta campaign {call.action} names no campaign", expected="a NAME")
        if call.action == "begin":
            return _begin(call)
        one = Campaign.find(call.name)
        match call.action:
            case "run":
                return _run(call, workspace, one)
            case "compare":
                answer = one.compare()
                print_json(answer.to_json()) if call.json else say(str(answer))
                return 0
            case "promote":
                number = one.promote(call.reason or "")
                return _tell(call, one, f"{number} products are valid now")
            case "abandon":
                one.abandon(call.reason or "")
            case "pause":
                one.pause(call.reason or "")
            case "resume":
                one.resume(call.reason or "")
            case "retry":
                return _tell(call, one, f"{one.retry()} products wait again")
        return _tell(call, one)


def _list(call: Namespace) -> int:
    found = Campaign.select_all().order_by("creation_date").all()
    rows = [(c.name, c.release, c.stage.name.lower(), c.n_products, c.reason) for c in found]
    names = ("name", "release", "stage", "products", "reason")
    if call.json:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        table("", names, rows, n_prose=1)
    else:
        say("There is no campaign yet: 'awlta campaign begin NAME CLASS --reason TEXT'")
    return 0


def _begin(call: Namespace) -> int:
    if call.cls is None:
        raise BadValue("No class of products was named", expected="NAME CLASS [CONDITION ...]")
    cls = find_class(call.cls)
    selection = cls.select(*(parse_condition(cls, text) for text in call.conditions))
    one = Campaign.begin(
        call.name,
        selection,
        reason=call.reason or "",
        release=call.release or "",
        as_of=None if call.as_of is None else instant(call.as_of),
    )
    return _tell(call, one)


def _run(call: Namespace, workspace: Any, one: Campaign) -> int:
    dpu = Dpu(workspace) if call.dpu else None
    try:
        with progress() as bar:
            task = bar.add_task(f"campaign {one.name}", total=one.n_products)

            def on_batch(now: Progress) -> None:
                done = sum(n for fate, n in now.counts.items() if fate.value != "waiting")
                bar.update(task, completed=done)

            now = one.run(make_here if dpu is None else dpu.make, on_batch=on_batch)
    finally:
        if dpu is not None:
            dpu.close()
    _tell(call, one)
    return 1 if any(n for fate, n in now.counts.items() if fate.value == "failed") else 0


def _tell(call: Namespace, one: Campaign, first: str = "") -> int:
    now = one.progress()
    if call.json:
        print_json({"name": one.name, "release": one.release, **now.to_json()})
        return 0
    if first:
        say(first)
    say(f"{one.name}: {now}")
    return 0
