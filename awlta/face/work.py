"""The verbs that do work: ingest, make, submit, jobs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from ..archive import ingest as ingest_file
from ..archive import read_document
from ..errors import AwltaError, BadInput, BadValue, UserError
from ..lineage import DataProduct, Plan, Selection, as_of, opened
from ..lineage.calibration.sets import pinned_by
from ..lineage.planning import chain
from ..lineage.planning.costs import Cost
from ..lineage.planning.states import State
from ..processing import Dpu, JobState
from ..processing.jobs import printable
from .output import print_json, progress, say, table


def ingest(call: Namespace) -> int:
    """Bring files into the archive; one that is refused does not keep the others out."""
    if call.sip is not None and len(call.files) > 1:
        raise BadInput("One SIP was given for several files", expected="one file with --sip")
    document = None if call.sip is None else read_document(call.sip)
    answers: list[dict[str, Any]] = []
    errors: list[AwltaError] = []
    with opened() as workspace, progress() as bar:
        task = bar.add_task("ingest", total=len(call.files))
        for path in call.files:
            bar.update(task, description=f"ingest {printable(path.name)}")
            try:
                done = ingest_file(workspace, path, document=document)
                state = "archived" if done.is_new else "known"
                answers.append(_ingested(path, state, done.product, done.ticket))
            except AwltaError as error:
                errors.append(error)
                answers.append(
                    {
                        "file": str(path),
                        "state": "refused" if isinstance(error, UserError) else "failed",
                        "ticket": error.facts.get("ticket"),
                        "error": error.to_json(),
                        "message": str(error),
                    }
                )
            bar.advance(task)
    if call.json:
        print_json(answers)
    else:
        rows = [(a["file"], a["state"], a.get("object_id"), a["ticket"]) for a in answers]
        table("", ("file", "state", "object_id", "ticket"), rows)
        for answer in answers:
            if "message" in answer:
                number = answer["ticket"]
                say(f"{'' if number is None else f'ticket {number}: '}{answer['message']}")
    if not errors:
        return 0
    return 2 if all(isinstance(e, UserError) for e in errors) else 1


def _ingested(path: Any, state: str, product: Any, ticket: int | None) -> dict[str, Any]:
    return {
        "file": str(path),
        "state": state,
        "ticket": ticket,
        "class": type(product).__name__,
        "object_id": product.object_id,
        "run": getattr(product, "run", None),
    }


def make(call: Namespace) -> int:
    """Bring products of a class up to date in this process, inputs first."""
    with opened(), pinned_by(call.pinned):
        return _bring(call, None)


def submit(call: Namespace) -> int:
    """Bring products of a class up to date on the DPU, level by level."""
    with opened() as workspace, pinned_by(call.pinned):
        dpu = Dpu(workspace)
        try:
            return _bring(call, dpu)
        finally:
            dpu.close()


def _bring(call: Namespace, dpu: Dpu | None) -> int:
    wanted = chain.find_product(call.cls)
    selection = Selection(**({} if call.run is None else {"run": call.run}))
    with nullcontext() if call.as_of is None else as_of(call.as_of):
        if call.plan or not call.json:
            plan = chain.foresee(wanted, selection, remake=call.remake)
            if call.plan:
                return _tell_plan(plan, as_json=call.json)
            if plan.cost() != Cost():
                say(plan.summary())
        return _bring_now(call, wanted, selection, dpu)


def _tell_plan(plan: Plan, *, as_json: bool) -> int:
    """Print what would be made, and why; nothing is made."""
    if as_json:
        print_json(plan.to_json())
        return 0
    rows = [
        (name, *(states.get(s, 0) for s in State), plan.cost(name) if _is_to_make(states) else "")
        for name, states in plan.counts().items()
    ]
    heads = ("class", "up to date", "out of date", "missing", "blocked", "cost")
    table("", heads, rows, n_prose=1)
    say(plan.summary())
    for line in plan.why():
        say(f"  {line}")
    return 0


def _is_to_make(states: dict[State, int]) -> bool:
    return any(state.is_to_make for state in states)


def _bring_now(
    call: Namespace, wanted: type[DataProduct], selection: Selection, dpu: Dpu | None
) -> int:
    with progress() as bar:
        task = bar.add_task("look", total=None)

        def on_step(cls: type[Any], number: int) -> None:
            bar.reset(task, total=number or None, description=cls.__name__)

        def make_each(products: Sequence[Any]) -> list[AwltaError | None]:
            outcomes: list[AwltaError | None] = []
            for product in products:
                outcomes += chain.make_here([product])
                bar.advance(task)
            return outcomes

        def order_all(products: Sequence[Any]) -> list[AwltaError | None]:
            assert dpu is not None
            ordered = dpu.submit_many(products)
            done = dpu.wait_all(ordered, lambda n, total: bar.update(task, completed=n))
            return [job.error for job in done]

        maker = make_each if dpu is None else order_all
        steps = chain.bring_up_to_date(wanted, selection, maker, on_step, remake=call.remake)
    if call.json:
        print_json([_step(s) for s in steps])
    else:
        rows = [(s.cls.__name__, len(s.made), len(s.current), len(s.refused)) for s in steps]
        table("", ("class", "made", "up to date", "refused"), [r for r in rows if any(r[1:])])
        for step in steps:
            _tell_refused(step)
        if not any(s.made or s.current or s.refused for s in steps):
            say("There is nothing to make it from: 'awlta ingest FILE...' first.")
        elif not any(s.made or s.refused for s in steps):
            say("All is up to date; nothing was made.")
    return 1 if any(s.refused for s in steps) else 0


def _tell_refused(step: chain.Step) -> None:
    """Print each reason once, with the products that it kept from being made."""
    by_reason: dict[str, list[str]] = {}
    for product, error in step.refused:
        by_reason.setdefault(str(error), []).append(product.object_id)
    for reason, ids in by_reason.items():
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        say(f"{step.cls.__name__} {ids[0]}{more}: {reason}")


def _step(step: chain.Step) -> dict[str, Any]:
    return {
        "class": step.cls.__name__,
        "made": [p.object_id for p in step.made],
        "up_to_date": [p.object_id for p in step.current],
        "refused": [
            {"object_id": p.object_id, "error": e.to_json(), "message": str(e)}
            for p, e in step.refused
        ],
    }


def jobs(call: Namespace) -> int:
    """List jobs, show one with its log, or cancel it."""
    with opened() as workspace:
        dpu = Dpu(workspace)
        try:
            return _jobs(call, dpu)
        finally:
            dpu.close()


def _jobs(call: Namespace, dpu: Dpu) -> int:
    if call.job is None:
        if call.cancel:
            raise BadValue("No job was named to be canceled", expected="awlta jobs JOB --cancel")
        records = dpu.client.jobs()
        if call.json:
            print_json([r.to_json() for r in records])
            return 0
        rows = [(r.order_id, r.class_name, r.state.value, r.attempt, r.reason) for r in records]
        table("", ("job", "class", "state", "attempt", "reason"), rows, n_prose=1)
        return 0
    job = dpu.job(call.job)
    if call.cancel:
        job.cancel()
    record, log = job.record, printable(job.log)
    if call.json:
        print_json({**record.to_json(), "log": log})
    else:
        say(f"{record.class_name} {record.object_id}: {record.state.value} {record.reason}")
        say(log)
    return 1 if record.state is JobState.FAILED else 0
