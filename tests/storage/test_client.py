from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awlta.digest import Digests, digest_file
from awlta.errors import (
    BadInput,
    BadName,
    BadValue,
    ConfigError,
    DigestMismatch,
    NameTaken,
    NotFound,
    Refused,
    StorageFault,
    Unreachable,
)
from awlta.storage import DataClient

CONTENT = os.urandom(3_000_000)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


def test_a_file_comes_back_as_it_was_stored(client, name, path, tmp_path):
    stored = client.store(path, name, object_id="o-1")
    assert stored == digest_file(path) == client.head(name)
    back = client.retrieve(name, tmp_path / "back", expect=stored)
    assert back == tmp_path / "back"
    assert back.read_bytes() == CONTENT


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200_000))
def test_any_bytes_come_back(client, tmp_path, content):
    path = tmp_path / "any"
    path.write_bytes(content)
    name = f"any-{digest_file(path).sha256}"
    client.store(path, name, object_id="o-1")
    assert client.retrieve(name, tmp_path / "back").read_bytes() == content


def test_empty_files_are_stored_one_after_another(client, name, tmp_path):
    path = tmp_path / "empty"
    path.touch()
    for n in range(3):
        assert client.store(path, f"{n}-{name}", object_id="o-1").size == 0
        assert client.retrieve(f"{n}-{name}", tmp_path / "back").read_bytes() == b""


def test_an_absent_name_has_no_digests_and_cannot_be_retrieved(client, name, tmp_path):
    assert client.head(name) is None
    with pytest.raises(NotFound, match=name):
        client.retrieve(name, tmp_path / "back")
    assert os.listdir(tmp_path) == []


def test_progress_adds_up_to_the_size(client, name, path, tmp_path):
    sent, received = [], []
    client.store(path, name, object_id="o-1", progress=sent.append)
    client.retrieve(name, tmp_path / "back", progress=received.append)
    assert sum(sent) == sum(received) == len(CONTENT)
    assert len(sent) > 1


def test_what_is_there_already_is_not_sent_again(client, name, path):
    first = client.store(path, name, object_id="o-1")
    sent = []
    assert client.store(path, name, object_id="o-2", progress=sent.append) == first
    assert sent == []


def test_other_content_under_a_name_is_refused(client, name, path, tmp_path):
    client.store(path, name, object_id="o-1")
    path.write_bytes(b"other")
    with pytest.raises(NameTaken, match="stored files never change"):
        client.store(path, name, object_id="o-2")
    assert client.retrieve(name, tmp_path / "back").read_bytes() == CONTENT


def test_of_many_that_store_a_name_at_once_with_other_content_one_wins(
    client, name, tmp_path, server
):
    def store(n):
        path = tmp_path / f"source-{n}"
        path.write_bytes(bytes([n]) * 500_000)
        try:
            client.store(path, name, object_id=f"o-{n}")
        except NameTaken:
            return None
        return n

    with ThreadPoolExecutor(6) as pool:
        winners = [n for n in pool.map(store, range(6)) if n is not None]
    assert len(winners) == 1
    assert server.file(name).read_bytes() == bytes(winners) * 500_000


def test_of_many_that_store_the_same_all_are_served(client, name, path):
    def store(n):
        return client.store(path, name, object_id=f"o-{n}")

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(store, range(6))) == {digest_file(path)}


def test_a_file_that_changes_while_it_is_sent_is_not_published(client, name, path):
    def write_to_it(_):
        with open(path, "r+b") as stream:
            stream.write(b"changed")

    with pytest.raises(DigestMismatch, match="changed while it was sent"):
        client.store(path, name, object_id="o-1", progress=write_to_it)
    assert client.head(name) is None
    assert client.store(path, name, object_id="o-1") == digest_file(path)


def test_a_file_that_shrinks_while_it_is_sent_is_not_published(client, name, path):
    with pytest.raises(DigestMismatch, match="changed while it was sent"):
        client.store(path, name, object_id="o-1", progress=lambda _: os.truncate(path, 10))
    assert client.head(name) is None


@pytest.mark.parametrize("position", [0, 1_500_000, 2_999_999])
def test_a_bit_flipped_on_the_dataservers_disk_is_caught(client, name, path, server, position):
    client.store(path, name, object_id="o-1")
    on_disk = server.file(name)
    before = on_disk.stat()
    on_disk.chmod(0o644)
    with open(on_disk, "r+b") as stream:
        stream.seek(position)
        (byte,) = stream.read(1)
        stream.seek(position)
        stream.write(bytes([byte ^ 1]))
    os.utime(on_disk, ns=(before.st_atime_ns, before.st_mtime_ns))

    back = path.with_name("back")
    with pytest.raises(DigestMismatch, match="sha256 and adler32"):
        client.retrieve(name, back)
    assert os.listdir(path.parent) == ["source"]


def test_what_is_expected_is_checked_and_not_what_the_dataserver_says(client, name, path):
    stored = client.store(path, name, object_id="o-1")
    other = Digests(stored.size, "0" * 64, stored.adler32)
    with pytest.raises(DigestMismatch, match="another sha256"):
        client.retrieve(name, path.with_name("back"), expect=other)
    assert not path.with_name("back").exists()


def test_a_refused_retrieve_leaves_the_older_file_alone(client, name, path, tmp_path):
    (tmp_path / "back").write_bytes(b"older")
    with pytest.raises(NotFound):
        client.retrieve(name, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"older"


def test_a_retrieve_goes_on_where_the_line_broke(client, name, path, over_a_breaking_line):
    client.store(path, name, object_id="o-1")
    whole = 10 * len(CONTENT)
    received = []
    shaky = over_a_breaking_line(1_000_000, 1_200_000, whole)
    back = shaky.retrieve(name, path.with_name("back"), progress=received.append)
    assert back.read_bytes() == CONTENT
    assert sum(received) == len(CONTENT)


def test_a_retrieve_that_gets_no_further_is_given_up(client, name, path, over_a_breaking_line):
    client.store(path, name, object_id="o-1")
    with pytest.raises(Unreachable, match="broke off while"):
        over_a_breaking_line(1_000_000, 0, 0, 0, 0, 0).retrieve(name, path.with_name("back"))
    assert os.listdir(path.parent) == ["source"]


def test_a_range_is_read_and_cut_at_the_end_of_the_file(client, name, path):
    client.store(path, name, object_id="o-1")
    assert client.read_range(name, 10, 20) == CONTENT[10:20]
    assert client.read_range(name, 2_999_990, 4_000_000) == CONTENT[-10:]


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (6, 5), (-1, 5), (3_000_000, 3_000_001)])
def test_a_range_without_a_byte_is_refused(client, name, path, start, stop):
    client.store(path, name, object_id="o-1")
    with pytest.raises(BadValue):
        client.read_range(name, start, stop)


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_right_token_nothing_is_sent(server, name, path, token):
    sent = []
    with pytest.raises(Refused, match="token"):
        DataClient(server.url, token).store(path, name, object_id="o-1", progress=sent.append)
    assert sent == []


def test_a_hostile_name_never_leaves_the_client(path):
    nowhere = DataClient("http://127.0.0.1:9")
    for ask in (
        lambda: nowhere.store(path, "../x", object_id="o-1"),
        lambda: nowhere.retrieve("../x", path),
        lambda: nowhere.head("../x"),
        lambda: nowhere.read_range("../x", 0, 1),
    ):
        with pytest.raises(BadName):
            ask()


def test_a_file_that_cannot_be_read_is_told_with_its_path(client, name, tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInput, match=str(path)):
            client.store(path, name, object_id="o-1")


def test_a_folder_that_cannot_be_written_is_told_with_its_path(client, name, path, tmp_path):
    client.store(path, name, object_id="o-1")
    with pytest.raises(StorageFault, match="absent"):
        client.retrieve(name, tmp_path / "absent" / "back")


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://x", "http://", "file:///etc"])
def test_an_address_that_is_not_of_http_is_refused(url):
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        DataClient(url)


def test_a_closed_port_is_unreachable(name):
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9"):
        DataClient("http://127.0.0.1:9").wait_ready(0.1)


def test_another_web_server_is_not_taken_for_a_dataserver(name, path):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path.endswith("there") else 404)
            self.end_headers()

        def log_message(self, *_):
            """Keep the output of the tests clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        client = DataClient(f"http://127.0.0.1:{other.server_port}")
        for asked in ("there", "absent"):
            with pytest.raises(Unreachable, match="not as a dataserver"):
                client.head(asked)
        with pytest.raises(Unreachable, match="not as a dataserver"):
            client.store(path, name, object_id="o-1")
        client.close()
        other.shutdown()


def test_a_client_that_is_killed_in_mid_store_leaves_no_name(client, server, name, path):
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from awlta.storage import DataClient\n"
        "DataClient(sys.argv[1], sys.argv[2]).store(Path(sys.argv[3]), sys.argv[4],\n"
        "    object_id='o-1', progress=lambda _: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    command = [sys.executable, "-c", program, server.url, "open-sesame", str(path), name]
    assert subprocess.run(command, check=False).returncode == -9
    assert client.head(name) is None
    assert client.store(path, name, object_id="o-1") == digest_file(path)


def test_the_client_is_light():
    program = "import sys, awlta.storage; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    heavy = {"aiohttp", "numpy", "astropy", "sqlalchemy", "asyncio"}
    assert "awlta.storage.client" in loaded.stdout.split()
    assert heavy & set(loaded.stdout.split()) == set()
