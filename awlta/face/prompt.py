"""The prompt ``awe>``: every data product, the context and the DPU in reach.

``awe`` starts IPython; ``awe script.py ...`` and ``awe -c CODE`` run recipe scripts with the
same names in reach.
"""

from __future__ import annotations

import logging
import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import __version__, config
from ..config import PRIVILEGES
from ..errors import AwltaError, NotFound, UserError
from ..lineage import (
    Calibration,
    Case,
    DataProduct,
    Parameters,
    Pars,
    Plan,
    QCFlag,
    Selection,
    as_of,
    because,
    connect,
    find_conflicts,
    freeze,
    pinned,
    read_timeline,
    recipe,
    why_chosen,
)
from ..lineage.overview import find
from ..lineage.planning import chain
from ..lineage.quality.verdicts import asker
from ..lineage.workspace import Workspace
from ..persistent import (
    Attribute,
    Link,
    Links,
    OptionalLink,
    Persistent,
    link,
    persistent,
    reference,
    registry,
)
from ..processing import Dpu
from ..processing.jobs import printable
from .context import ContextFace
from .judge import ask_and_mark

USAGE = """usage: awe [-h] [--version] [-c CODE | SCRIPT [ARGUMENT ...]]

The prompt of awlta: every data product is a Python object that knows its origin.
  awe                 the prompt
  awe SCRIPT ...      run a recipe script
  awe -c CODE         run one line
"""

_AUTHORS = (
    Attribute,
    Calibration,
    Case,
    DataProduct,
    Link,
    Links,
    OptionalLink,
    Parameters,
    Pars,
    Persistent,
    QCFlag,
    Selection,
    because,
    find_conflicts,
    freeze,
    link,
    persistent,
    pinned,
    read_timeline,
    recipe,
    reference,
    why_chosen,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the prompt, a script or a line; return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if words[:1] == ["--version"]:
        print(f"awlta {__version__}")
        return 0
    if words[:1] == ["-c"] and len(words) != 2:
        print(USAGE, end="", file=sys.stderr)
        return 2
    try:
        workspace = connect(config.load())
    except AwltaError as error:
        return _report(error)
    dpu = Dpu(workspace)
    try:
        return _run(words, names(workspace, dpu), workspace)
    except AwltaError as error:
        return _report(error)
    finally:
        dpu.close()
        workspace.close()


def _report(error: AwltaError) -> int:
    print(f"awe: {printable(str(error))}", file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


def _run(words: list[str], reach: dict[str, Any], workspace: Workspace) -> int:
    if words[:1] == ["-c"]:
        exec(compile(words[1], "<awe -c>", "exec"), {"__name__": "__main__", **reach})
        return 0
    if words:
        if not Path(words[0]).is_file():
            raise NotFound(f"There is no script {words[0]}", do="Check the path")
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))  # as python SCRIPT does
        runpy.run_path(words[0], init_globals=reach, run_name="__main__")
        return 0
    _start_ipython(reach, banner(workspace))
    return 0


def names(workspace: Workspace, dpu: Dpu) -> dict[str, Any]:
    """Return what is in reach at the prompt: classes, tools, context, dpu."""

    def get(object_id: str) -> Persistent:
        """Return an object by its object_id or the end of it."""
        return find(workspace, object_id)

    def make(cls: type[DataProduct], **values: Any) -> list[chain.Step]:
        """Bring the products of a class up to date here, inputs first."""
        return chain.bring_up_to_date(cls, Selection(**values), chain.make_here)

    def plan(cls: type[DataProduct], **values: Any) -> Plan:
        """Tell what ``make`` would make of a class and its inputs, and why."""
        return chain.foresee(cls, Selection(**values))

    found: dict[str, Any] = {thing.__name__: thing for thing in _AUTHORS}
    found |= {name: cls for name, cls in registry.items() if not name.startswith("_")}
    found |= {"get": get, "make": make, "plan": plan, "as_of": as_of}
    found |= {"workspace": workspace, "dpu": dpu}
    found["context"] = ContextFace(workspace)
    found["judge"] = workspace.judge
    return found


def banner(workspace: Workspace) -> str:
    """Return the greeting with the current profile."""
    profile, context = workspace.profile, workspace.context
    rows = [
        ("user", context.user),
        ("project", context.project),
        ("privileges", f"{context.level} ({PRIVILEGES[context.level]})"),
        ("database", profile.database_url),
        ("dataserver", profile.dataserver),
        ("DPU", profile.dpu),
    ]
    lines = [f"awlta {__version__}: every data product knows its origin", "Current profile:"]
    lines += [f"  - {name:<11} {value}" for name, value in rows]
    products = sum(issubclass(c, DataProduct) for c in registry.values())
    lines.append(f"{products} data products in reach; help(CameraImages), context, dpu, make, get")
    return "\n".join(lines)


def _start_ipython(reach: dict[str, Any], greeting: str) -> None:
    # IPython costs 0.3 s, and scripts do without
    from IPython.terminal.embed import InteractiveShellEmbed
    from IPython.terminal.prompts import Prompts
    from pygments.token import Token
    from traitlets.config import Config

    class Awe(Prompts):
        def in_prompt_tokens(self) -> list[tuple[Any, str]]:
            return [(Token.Prompt, "awe> ")]

        def continuation_prompt_tokens(self, *_: Any, **__: Any) -> list[tuple[Any, str]]:
            return [(Token.Prompt, "...> ")]

        def out_prompt_tokens(self) -> list[tuple[Any, str]]:
            return []

    settings = Config()
    settings.InteractiveShell.prompts_class = Awe
    settings.InteractiveShell.confirm_exit = False
    # attributes of paths are found by dir(), which jedi does not ask
    settings.Completer.use_jedi = False
    settings.Completer.evaluation = "unsafe"
    if hasattr(InteractiveShellEmbed, "enable_tip"):  # since IPython 8.28
        settings.TerminalInteractiveShell.enable_tip = False
    make_shell: Any = InteractiveShellEmbed
    shell: Any = make_shell(config=settings, banner1=greeting + "\n", user_ns=reach)
    shell.set_custom_exc((AwltaError,), _tell)
    asker.set(ask_and_mark)
    with _telling():
        shell()


class _Teller(logging.Handler):
    """Says to the person at the prompt what a program would only log."""

    def emit(self, record: logging.LogRecord) -> None:
        print(printable(record.getMessage()))


@contextmanager
def _telling() -> Iterator[None]:
    """Let a person read what is logged by awlta, for a block."""
    log, teller = logging.getLogger("awlta"), _Teller(logging.INFO)
    before = log.level
    log.addHandler(teller)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(teller)
        log.setLevel(before)


def _tell(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> None:
    """Show an error of ours as its sentence, without a traceback."""
    print(f"{kind.__name__}: {printable(str(error))}", file=sys.stderr)
