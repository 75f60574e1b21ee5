from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from dpu_trial.trial import TrialCounts, TrialGate

from awlta.errors import ConfigError, Unreachable
from awlta.processing import Dpu, DpuClient, JobState
from awlta.processing.lock import serving
from awlta_dpu.local import process_start
from awlta_dpu.service import main

pytestmark = pytest.mark.long

PRODUCTS = Path(__file__).parent / "products"


def test_it_ends_in_order_when_standard_input_does(place):
    assert place.serve().end() == (0, "")


def test_a_local_front_end_is_started_on_first_use_and_again_when_it_has_gone(place, until):
    job = place.dpu.run(TrialCounts(n=1))
    assert job.wait(60) is JobState.COMPLETED
    first = place.dpu.client.url
    pid = int((place.home / "dpu.lock").read_text().split('"pid": ')[1].split("}")[0])
    os.kill(pid, signal.SIGKILL)
    until(lambda: process_start(pid) == "")
    assert job.record.state is JobState.COMPLETED
    assert place.dpu.run(TrialCounts(n=2)).wait(60) is JobState.COMPLETED
    assert place.dpu.client.url != first


def test_a_second_prompt_of_a_home_works_with_the_front_end_of_the_first(place):
    first, second = place.serve(), place.serve()
    assert second.url == first.url
    assert second.process.wait(30) == 0
    assert first.process.poll() is None


def test_who_finds_a_front_end_of_the_home_starts_none(place):
    front = place.serve()
    with closing(Dpu(place.workspace)) as other:
        assert other.client.url == front.url
    assert not (place.home / "dpu.log").exists()


def test_the_address_that_a_killed_front_end_left_is_not_asked(place):
    front = place.serve()
    front.kill()
    assert front.url in (place.home / "dpu.lock").read_text()
    assert serving(place.home, place.profile.token) is None


def test_a_second_service_on_a_home_is_refused(place, capsys):
    first = place.serve()
    assert main(["--home", str(place.home)]) == 1
    assert f"A front-end at {first.url} serves" in capsys.readouterr().err


def test_sigterm_lets_running_jobs_end_and_starts_no_other(place, tmp_path, until):
    gate = tmp_path / "gate"
    command = [sys.executable, "-m", "awlta", "serve", "dpu", "--home", str(place.home)]
    service = subprocess.Popen([*command, "--cores", "1"], stdout=subprocess.PIPE)
    url = service.stdout.readline().decode().split('"url": "')[1].split('"')[0]
    place.dpu._client = DpuClient(url, place.profile.token)
    running, queued = place.dpu.submit_many([TrialGate(gate=str(gate)), TrialCounts(n=1)])
    until(lambda: "waiting" in running.log)
    service.send_signal(signal.SIGTERM)
    until(lambda: place.dpu.client.health()["draining"])
    gate.touch()
    service.communicate(timeout=60)
    assert service.returncode == 0
    place.serve()
    assert running.state is JobState.COMPLETED
    assert running.record.attempt == 1
    assert queued.wait(60) is JobState.COMPLETED


def test_other_cores_run_other_jobs_at_the_same_time(place, tmp_path, until):
    gates = [tmp_path / f"gate-{n}" for n in range(3)]
    place.serve("--cores", "2")
    jobs = place.dpu.submit_many([TrialGate(gate=str(gate)) for gate in gates])
    until(lambda: sum("waiting" in job.log for job in jobs) == 2)
    assert len(place.dpu.client.jobs(JobState.ACTIVE)) == 2
    assert len(place.dpu.client.jobs(JobState.QUEUED)) == 1
    for gate in gates:
        gate.touch()
    assert {job.state for job in place.dpu.wait_all(jobs)} == {JobState.COMPLETED}


def test_sources_that_change_end_the_front_end_and_keep_the_queue(place, tmp_path, monkeypatch):
    shutil.copytree(PRODUCTS, tmp_path / "products")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "products"), prepend=os.pathsep)
    front = place.serve()
    (zygote,) = [c for c in children_of(front.process.pid) if "zygote" in command_of(c)]
    with open(tmp_path / "products" / "dpu_trial" / "trial.py", "a") as module:
        module.write("# one more line\n")
    os.kill(zygote, signal.SIGKILL)
    job = place.dpu.run(TrialCounts(n=1))
    assert front.process.wait(60) == 2
    assert "sources have changed" in front.end()[1]
    # The next front-end has the sources that the order was made with, but for a comment.
    place.serve()
    assert job.wait(60) is JobState.COMPLETED


def command_of(pid):
    with open(f"/proc/{pid}/cmdline") as stream:
        return stream.read()


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as stream:
        return [int(child) for child in stream.read().split()]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--token-file", "{tmp}/none"], 2, "cannot be read"),
        (["--token-file", "{tmp}/empty"], 2, "holds no token"),
        (["--home", "{tmp}/nowhere"], 2, "no profile"),
    ],
)
def test_wrong_options_are_refused_as_usage(place, tmp_path, capsys, options, code, message):
    (tmp_path / "empty").write_text("\n")
    options = [option.format(tmp=tmp_path) for option in options]
    assert main(["--home", str(place.home), *options]) == code
    assert message in capsys.readouterr().err


def test_a_port_in_use_is_a_fault_that_names_the_place(place, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--home", str(place.home), "--port", port]) == 1
    assert "address already in use" in capsys.readouterr().err.lower()


def test_a_front_end_that_does_not_answer_is_unreachable_with_its_address(place):
    front = place.serve()
    front.end()
    with pytest.raises(Unreachable, match="awlta serve dpu") as caught:
        place.dpu.client.jobs()
    assert caught.value.facts["url"] == front.url


def test_an_address_that_is_none_is_told():
    with pytest.raises(ConfigError, match="DPU address 'nowhere'"):
        DpuClient("nowhere", "token")
