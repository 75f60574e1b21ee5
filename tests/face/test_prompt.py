"""The prompt, as a line, as a script, and typed at by a person in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from awlta.face import prompt
from awlta.persistent import registry
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.methods import CleaningParameters

AWE = Path(sys.executable).with_name("awe")


@pytest.fixture
def awe(at_home, capsys, monkeypatch):
    """Give words to the prompt; return its exit code and what was printed."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*words):
        capsys.readouterr()
        code = prompt.main(words)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return call


# a line and a script ----------------------------------------------------------------------


def test_a_line_has_every_class_and_tool_in_reach(awe):
    code, out, err = awe("-c", "print(len(RawFile.run == 7), context, dpu.workspace is workspace)")
    assert (code, err) == (0, "")
    assert out == "1 project MYPROJECT, user ada, privileges 1 (MyDB) True\n"
    code, out, _ = awe("-c", "print(*sorted(n for n in dir() if n[0].isupper()))")
    assert {n for n in registry if n[0] != "_"} <= set(out.split())
    assert {"Attribute", "DataProduct", "Link", "Parameters"} <= set(out.split())


def test_objects_are_got_made_and_asked(awe):
    code, out, _ = awe(
        "-c",
        "images = (CameraImages.raw.run == 7)[0]\n"
        "print(get(images.object_id[-12:]) is images, images.uptodate())\n"
        "print(sum(len(step.made) for step in make(ImageParameters, run=7)))",
    )
    assert (code, out) == (0, "True True\n0\n")


def test_a_script_gets_its_arguments_and_finds_what_lies_beside_it(awe, tmp_path):
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "beside_the_script.py").write_text("RUN = 7\n")
    (folder / "one.py").write_text(
        "import sys\nfrom beside_the_script import RUN\n"
        "print(__name__, sys.argv[1:], len(RawFile.run == RUN))\n"
    )
    code, out, err = awe(str(folder / "one.py"), "a", "--b")
    assert (code, out, err) == (0, "__main__ ['a', '--b'] 1\n", "")


def test_a_script_may_declare_a_product_and_make_it(awe, tmp_path):
    (tmp_path / "two.py").write_text(
        "class TwoAtThePrompt(DataProduct):\n"
        '    """Twice the number of events."""\n'
        '    raw: Link[RawEvents] = link("events")\n'
        '    n: Attribute[int] = persistent("twice the number", init=False)\n'
        "    @recipe\n"
        "    def make(self) -> None:\n"
        '        """Double."""\n'
        "        self.n = 2 * self.raw.n_events\n"
        "two = TwoAtThePrompt(raw=(RawEvents.run == 7)[0])\n"
        "two.make()\n"
        "print(two.n)\n"
    )
    try:
        assert awe("two.py") == (0, "6\n", "")
    finally:
        registry.pop("TwoAtThePrompt", None)


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (("none.py",), 2, "awe: There is no script none.py"),
        (("/",), 2, "awe: There is no script /"),
        (("-c", "get('x')"), 2, "awe: 'x' is no object_id"),
        (("-c", "RawFile.telescopes.nope == 1"), 2, "awe: Telescope has no attribute 'nope'"),
        (("-c", "RawFile(colour='red')"), 2, "awe: RawFile has no colour"),
        (("-c", "context.set_project('NOPE')"), 2, "awe: There is no project 'NOPE'"),
        (("-c", "context.set_privileges(6)"), 2, "awe: There is no level 6"),
        (("-c", "from awlta.errors import Fault; raise Fault('broken')"), 1, "awe: broken."),
        (("-c", "from awlta.errors import Fault; raise Fault('\\x1b[31mred')"), 1, "awe: red."),
        (("-c",), 2, "usage: awe"),
    ],
)
def test_an_error_of_ours_is_a_sentence_and_a_code(awe, words, code, found):
    got, out, err = awe(*words)
    assert (got, out) == (code, "")
    assert found in err


def test_help_and_version_need_no_profile(awe, monkeypatch, tmp_path):
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "none"))
    assert awe("--help") == (0, prompt.USAGE, "")
    assert awe("--version")[0] == 0
    code, _, err = awe("-c", "1")
    assert code == 2
    assert "There is no profile" in err


def test_the_context_is_switched_for_what_is_made_from_then_on(awe):
    code, out, _ = awe(
        "-c",
        "context.set_privileges(2)\n"
        "print(context)\n"
        "from awlta_recipes.methods import CleaningParameters\n"
        "mine = CleaningParameters(picture=9.5)\n"
        "workspace.commit(mine)\n"
        "print(mine._privileges, mine._creator)",
    )
    assert code == 0
    assert out == "project MYPROJECT, user ada, privileges 2 (project)\n2 ada\n"


def test_help_tells_attributes_with_type_unit_and_meaning(awe):
    code, out, _ = awe("-c", "help(CleaningParameters)")
    assert code == 0
    told = [line.removeprefix(" |").strip() for line in out.splitlines()]
    assert "Which pixels are the shower: method and thresholds." in told
    place = told.index("picture : float, p.e.")
    assert told[place + 1] == "least charge of a picture pixel"
    code, out, _ = awe("-c", "help(CameraImages)")
    assert "raw : link to RawEvents" in out
    assert "n_events : int" in out


def test_every_class_has_a_summary_and_documents_all_it_declares():
    for cls in (CameraImages, CleaningParameters):
        lines = cls.__doc__.split("\n")
        assert lines[0].endswith(".")
        assert lines[1:4] == ["", "Attributes", "----------"]
        for name, attribute in cls.__attributes__.items():
            (place,) = [n for n, line in enumerate(lines) if line.startswith(f"{name} : ")]
            assert lines[place + 1] == f"    {attribute.doc}"
        for name, step in cls.__links__.items():
            (place,) = [n for n, line in enumerate(lines) if line.startswith(f"{name} : link")]
            assert lines[place + 1] == f"    {step.doc}"


# typed at ---------------------------------------------------------------------------------


class Terminal:
    """A terminal of 120 columns in which a program runs."""

    def __init__(self, program, environment):
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(environment)
            os.execv(program, [program])
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def type(self, keys):
        os.write(self._terminal, keys.encode())

    def read_until(self, wanted, seconds=60):
        """Return what is shown up to and with some text, without colours and cursor moves."""
        shown, end = b"", time.monotonic() + seconds
        while wanted not in (text := self._plain(shown)):
            assert time.monotonic() < end, f"no {wanted!r} in {text!r}"
            if not select.select([self._terminal], [], [], 0.2)[0]:
                continue
            try:
                block = os.read(self._terminal, 65536)
            except OSError:  # the program has ended
                break
            if b"\x1b[6n" in block:  # where is the cursor?
                os.write(self._terminal, b"\x1b[1;1R")
            shown += block
        return self._plain(shown)

    @staticmethod
    def _plain(shown):
        text = shown.decode(errors="replace").replace("\r", "")
        return re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>])", "", text)

    def end(self):
        """Wait for the program and return its exit code; the terminal is gone then."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._terminal)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.end()


@pytest.fixture
def terminal(at_home, tmp_path):
    environment = {
        "AWLTA_HOME": str(at_home),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    terminal = Terminal(AWE, environment)
    yield terminal
    terminal.close()


def test_a_person_is_greeted_completed_and_told_in_words(terminal):
    greeting = terminal.read_until("awe> ")
    assert "every data product knows its origin" in greeting
    assert "Current profile:\n  - user        ada\n  - project     MYPROJECT" in greeting
    assert re.search(r"\d+ data products in reach; help\(CameraImages\)", greeting)
    assert "Tip:" not in greeting

    terminal.type("CameraImages.raw.tele\t")
    terminal.read_until("scope")
    terminal.type('.name == "T-1"\r')
    terminal.read_until("awe> ")
    terminal.type('len(CameraImages.raw.telescope.name == "T-1")\r')
    assert "\n1\n" in terminal.read_until("\n1\n")

    terminal.type("get('nope')\r")
    told = terminal.read_until("its last 12 digits.")
    assert "BadValue: 'nope' is no object_id." in told
    assert "Traceback" not in told

    terminal.type("CameraImages.raw.nope\r")
    told = terminal.read_until("QueryError: RawEvents has no attribute 'nope'")
    assert "Traceback" not in told

    terminal.type("1/0\r")
    terminal.read_until("ZeroDivisionError: division by zero")
    terminal.type("exit\r")
    assert terminal.end() == 0


def test_lines_may_come_from_a_pipe(at_home, tmp_path):
    done = subprocess.run(
        [AWE],
        input="print(len(RawFile.run == 7))\nget('nope')\nexit\n",
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "awe> 1\n" in done.stdout
    assert "BadValue: 'nope' is no object_id" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_what_a_person_did_in_vain_is_said_at_the_prompt_alone(at_home, tmp_path, awe):
    line = "_ = (CameraImages.raw.run == 7)[0].commit()"
    done = subprocess.run(
        [AWE],
        input=f"{line}\nexit\n",
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert re.search(r"awe> <CameraImages .*> is committed already\n", done.stdout)
    assert "is committed already" not in done.stderr
    assert awe("-c", line) == (0, "", "")
