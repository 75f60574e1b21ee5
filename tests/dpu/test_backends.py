"""One suite for every back-end: what the desk may rely on.

The front-end's address here is one at which nobody answers, so a runner soon ends by itself.
"""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest

from awlta.errors import ConfigError
from awlta.lineage.recipes.packages import recipe_packages
from awlta.lineage.recipes.sources import running_release
from awlta.persistent import new_object_id
from awlta_dpu.backend import Task
from awlta_dpu.local import LocalCores, process_start


class LocalCase:
    """Local cores, and how to look at and kill their runners from outside."""

    def __init__(self, folder, address):
        token = folder / "token"
        token.write_text("word")
        arguments = ["--front-end", address, "--dataserver", address]
        arguments += ["--token-file", str(token)]
        release = running_release(("awlta", *recipe_packages())).digest
        self.back_end = LocalCores(arguments, release, folder / "scratch", 2)

    def pid(self, runner):
        return int(runner.split(":")[1])

    def is_there(self, runner):
        return process_start(self.pid(runner)) == runner.split(":")[2]


@pytest.fixture(params=[LocalCase], ids=["local"])
def make_case(request, tmp_path):
    """Make a back-end whose runners speak to an address."""
    cases = []

    def _make_case(address="http://127.0.0.1:9"):
        cases.append(request.param(tmp_path, address))
        return cases[-1]

    yield _make_case
    for case in cases:
        case.back_end.close()


@pytest.fixture
def silence():
    """Give an address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


def task(tmp_path, attempt=1):
    return Task(new_object_id(), attempt, tmp_path / "log")


def wait_for_the_end(back_end, runner):
    end = time.monotonic() + 60
    while runner not in (found := back_end.ended([runner])):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found[runner]


def test_a_runner_that_ends_by_itself_is_told_with_its_exit_status(make_case, tmp_path):
    back_end = make_case().back_end
    runner = back_end.start(task(tmp_path))
    assert wait_for_the_end(back_end, runner) == "ended with exit status 1"
    assert "does not answer" in (tmp_path / "log").read_text()


def test_runners_have_names_of_their_own_and_run_at_the_same_time(make_case, silence, tmp_path):
    case = make_case(silence)
    first, second = (case.back_end.start(task(tmp_path)) for _ in range(2))
    assert first != second
    assert case.back_end.ended([first, second]) == {}
    assert case.is_there(first)
    assert case.is_there(second)


def test_a_runner_that_is_killed_is_told_with_the_signal(make_case, silence, tmp_path):
    case = make_case(silence)
    runner = case.back_end.start(task(tmp_path))
    os.kill(case.pid(runner), signal.SIGKILL)
    assert wait_for_the_end(case.back_end, runner) == "was killed by signal 9 (Killed)"


def test_a_canceled_runner_is_gone_and_the_others_stay(make_case, silence, tmp_path):
    case = make_case(silence)
    first, second = (case.back_end.start(task(tmp_path)) for _ in range(2))
    case.back_end.cancel(first)
    assert not case.is_there(first)
    assert case.is_there(second)


def test_no_runner_outlives_its_back_end(make_case, silence, tmp_path):
    case = make_case(silence)
    runners = [case.back_end.start(task(tmp_path)) for _ in range(2)]
    case.back_end.close()
    assert [case.is_there(runner) for runner in runners] == [False, False]


def test_a_runner_of_an_earlier_front_end_is_ended_and_told(make_case, silence, tmp_path):
    earlier, later = make_case(silence), make_case(silence)
    runner = earlier.back_end.start(task(tmp_path))
    assert "front-end that had started it" in later.back_end.ended([runner])[runner]
    assert not earlier.is_there(runner)


def test_a_name_whose_process_number_has_another_owner_harms_nobody(make_case):
    case = make_case()
    host = os.uname().nodename
    mine = f"{host}:{os.getpid()}:1"
    assert mine in case.back_end.ended([mine])
    case.back_end.cancel(mine)


class TestLocalCores:
    def test_start_from_the_sources_of_the_front_end_or_not_at_all(self, tmp_path):
        back_end = LocalCores([], "0" * 64, tmp_path, 1)
        with pytest.raises(ConfigError, match="sources have changed"):
            back_end.start(task(tmp_path))
        back_end.close()

    def test_runners_of_a_dead_zygote_are_told_even_if_another_took_its_place(
        self, tmp_path, silence
    ):
        case = LocalCase(tmp_path, silence)
        first = case.back_end.start(task(tmp_path))
        os.kill(case.back_end._zygote._process.pid, signal.SIGKILL)
        case.back_end._zygote._process.wait()
        second = case.back_end.start(task(tmp_path))
        assert "process that had forked it" in case.back_end.ended([first, second])[first]
        assert not case.is_there(first)
        assert case.is_there(second)
        case.back_end.close()
