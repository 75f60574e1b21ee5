"""The verbs that set up and look after: init, status, serve, doctor."""

from __future__ import annotations

import signal
import sys
import time
from argparse import Namespace
from dataclasses import replace
from typing import Any

from .. import config
from ..archive.doctor import examine
from ..config import LOCAL, PRIVILEGES, Profile
from ..errors import ConfigError
from ..lineage import opened
from ..lineage.overview import class_counts, open_work
from ..persistent.database import create
from ..persistent.people.entry import prepare
from ..services import Child, find_service
from .output import print_json, say, table


def init(call: Namespace) -> int:
    """Make profile, database and store; harmless where they are."""
    home = config.home_folder()
    try:
        profile, is_new = config.load(home), False
    except ConfigError:
        if (home / "awlta.toml").exists():
            raise
        profile, is_new = Profile(home=home, user=config.default_user()), True
    given = {
        name: value
        for name in ("user", "project", "privileges", "database", "dataserver", "dpu")
        if (value := getattr(call, name)) is not None
    }
    profile = config.check(replace(profile, **given))
    home.mkdir(parents=True, exist_ok=True)
    create(profile.database_url, profile.node)
    profile.save()
    with opened(profile) as workspace:
        prepare(workspace.database)
    answer = {"home": str(home), "new": is_new, **_described(profile)}
    if call.json:
        print_json(answer)
    else:
        say(f"{'Made' if is_new else 'Kept'} the profile in {home}")
        say("Next:  awlta ingest FILE...   or the prompt:  awe")
    return 0


def _described(profile: Profile) -> dict[str, Any]:
    return {
        "user": profile.user,
        "project": profile.project,
        "privileges": f"{profile.privileges} ({PRIVILEGES[profile.privileges]})",
        "database": profile.database_url,
        "dataserver": profile.dataserver,
        "dpu": profile.dpu,
    }


def status(call: Namespace) -> int:
    """Show profile, and how many objects of each class there are."""
    profile = config.load()
    with opened(profile) as workspace:
        counts = class_counts(workspace)
        open_number = open_work(workspace)
    answer = {**_described(profile), "objects": dict(counts), "open": open_number}
    if call.json:
        print_json(answer)
        return 0
    table("", ("profile", str(profile.home)), _described(profile).items())
    if counts:
        table("", ("class", "objects"), counts)
    else:
        say("The database holds no object yet: 'awlta ingest FILE...' brings the first.")
    if open_number:
        say(f"{open_number} piece(s) of work were begun and not ended: 'awlta doctor'")
    return 0


def serve(call: Namespace) -> int:
    """Run one service, or the dataserver and the DPU of the profile, until interrupted."""
    if call.service is not None:
        return find_service(call.service)(call.arguments)
    profile = config.load()
    _ = profile.token
    children = []
    try:
        if profile.dataserver == LOCAL:
            children.append(_start(profile, "dataserver", ["--root", str(profile.store)]))
        if profile.dpu == LOCAL:
            children.append(_start(profile, "dpu", ["--home", str(profile.home)]))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        # a front-end that finds another one at work tells its address and ends well
        children = [child for child in children if not child.has_left]
        if not children:
            raise ConfigError(
                "The profile names dataserver and DPU by their URLs, or they run already",
                expected="'local' for one that is to run here",
                do="'awlta serve NAME' runs one service with arguments of its own",
            )
        say("Ctrl-C ends them.")
        while all(child.is_running for child in children):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        for child in reversed(children):
            child.stop()
    return 1


def _start(profile: Profile, name: str, arguments: list[str]) -> Child:
    arguments = [*arguments, "--token-file", str(profile.token_file)]
    child = Child(name, arguments, profile.home / f"{name}.log")
    say(f"{name} at {child.url}, log {profile.home / f'{name}.log'}")
    return child


def doctor(call: Namespace) -> int:
    """Find what a kill or a fault left behind; with --clean, tidy it."""
    n_cleaned = 0
    with opened() as workspace:
        findings = examine(workspace)
        # Twice: work that is given up leaves files that belong to nobody.
        for _ in range(2 if call.clean else 0):
            offered = [f.clean for f in findings if f.clean is not None]
            for clean in offered:
                clean()
            n_cleaned += len(offered)
            findings = examine(workspace)
    if call.json:
        print_json({"findings": [f.to_json() for f in findings], "cleaned": n_cleaned})
        return 1 if findings else 0
    if n_cleaned:
        say(f"{n_cleaned} cleaned.")
    if not findings:
        say("All is well: every row has its file, every file its row, no work is open.")
        return 0
    for finding in findings:
        say(f"{finding.kind:<8}{finding.what}\n        {finding.remedy}")
    if any(f.clean for f in findings):
        say("'awlta doctor --clean' does what is offered; it deletes nothing.")
    return 1
