from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from awlta.errors import Unreachable
from awlta_dataserver.service import main

CONTENT = os.urandom(30_000_000)


def place_of(server):
    parts = urlsplit(server.url)
    return parts.hostname, parts.port


def test_it_ends_in_order_when_standard_input_does(serve):
    server = serve()
    assert server.end() == (0, "")


def test_it_dies_with_its_parent_even_if_that_is_killed(tmp_path):
    # The parent starts the dataserver, passes its line on, and waits to be killed.
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, time\n"
            "program = 'import sys; from awlta_dataserver.service import main; '\n"
            "program += 'sys.exit(main(sys.argv[1:]))'\n"
            "command = [sys.executable, '-c', program, '--with-parent', '--root', sys.argv[1]]\n"
            "child = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)\n",
            str(tmp_path / "root"),
        ],
        stdout=subprocess.PIPE,
    )
    lines = [parent.stdout.readline(), parent.stdout.readline()]
    parent.kill()
    # The child holds the other end of the pipe: it closes when the child has gone.
    rest, _ = parent.communicate(timeout=30)
    assert rest == b""
    assert any(b'"service": "dataserver"' in line for line in lines)


def test_sigterm_lets_a_running_transfer_end_and_takes_no_new_one(serve, file):
    server = serve()
    server.client.store(file("f", CONTENT), "f.bin", object_id="o-1")
    with socket.create_connection(place_of(server)) as line:
        line.sendall(b"GET /f.bin HTTP/1.0\r\n\r\n")
        received = line.recv(65536)
        server.process.send_signal(signal.SIGTERM)
        while True:
            try:
                socket.create_connection(place_of(server)).close()
            except ConnectionRefusedError:
                break
            time.sleep(0.02)
        while block := line.recv(1 << 20):
            received += block
    body = received.split(b"\r\n\r\n", 1)[1]
    assert hashlib.sha256(body).digest() == hashlib.sha256(CONTENT).digest()
    assert server.end() == (0, "")


def test_requests_are_logged_only_when_asked_for(serve):
    server = serve("--verbose")
    server.client.head("f.bin")
    status, errors = server.end()
    assert status == 0
    assert [line.split('"')[1] for line in errors.splitlines()] == ["HEAD /f.bin HTTP/1.1"]


def test_files_survive_a_restart(serve, file):
    first = serve()
    stored = first.client.store(file("f", b"12345"), "f.bin", object_id="o-1")
    first.end()
    assert serve().client.head("f.bin") == stored


def test_a_dead_dataserver_is_unreachable_with_its_address(serve):
    server = serve()
    server.end()
    with pytest.raises(Unreachable, match="awlta serve") as caught:
        server.client.head("f.bin")
    assert caught.value.facts["url"] == server.url


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "no token is set"),
        (["--token-file", "{tmp}/none"], "cannot be read"),
        (["--token-file", "{tmp}/empty"], "is empty"),
    ],
)
def test_unsafe_options_are_refused_as_usage(tmp_path, capsys, options, message):
    (tmp_path / "empty").write_text("\n")
    options = [o.format(tmp=tmp_path) for o in options]
    assert main(["--root", str(tmp_path / "root"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_port_in_use_is_a_fault_that_names_the_place(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["--root", str(tmp_path / "root"), "--port", port]) == 1
    assert "address already in use" in capsys.readouterr().err


def test_several_dataservers_start_at_once_on_one_new_root(serve, file):
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: serve(), range(4)))
    for n, server in enumerate(servers):
        server.client.store(file("f", b"%d" % n), f"f-{n}.bin", object_id="o-1")
    for server in servers:
        assert [server.client.read_range(f"f-{n}.bin", 0, 1) for n in range(4)] == [
            b"0",
            b"1",
            b"2",
            b"3",
        ]
