from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import zlib
from urllib.parse import urlsplit

import pytest
import urllib3

from awlta.errors import BadName, NameTaken, NotFound, Refused, StorageFault
from awlta.storage import DataClient

BIG = os.urandom(300_000)
DIGESTS = {
    "size": len(BIG),
    "sha256": hashlib.sha256(BIG).hexdigest(),
    "adler32": f"{zlib.adler32(BIG):08x}",
}
SENDER = {"X-Awlta-Object": "o-1", "X-Awlta-Attempt": "1"}


def ask(server, method, address, **options):
    return urllib3.request(method, server.url + address, retries=False, **options)


def until(condition):
    """Wait for what another process is about to do."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen within 20 s"
        time.sleep(0.02)


def test_a_file_has_no_name_before_both_ends_agree(server, name):
    sent = ask(server, "PUT", f"/{name}", body=BIG, headers=SENDER)
    assert (sent.status, sent.json()) == (202, DIGESTS)
    assert ask(server, "GET", f"/{name}").status == 404
    assert name not in server.files()

    published = ask(server, "POST", f"/{name}?object=o-1&attempt=1", json=DIGESTS)
    assert (published.status, published.json()) == (201, DIGESTS)
    assert server.files()[name] == BIG
    assert server.parts(name) == []

    again = ask(server, "POST", f"/{name}?object=o-1&attempt=1", json=DIGESTS)
    assert (again.status, again.json()) == (200, DIGESTS)


def test_other_digests_of_the_sender_publish_nothing(server, name):
    ask(server, "PUT", f"/{name}", body=BIG, headers=SENDER)
    wrong = DIGESTS | {"sha256": "0" * 64}
    reply = ask(server, "POST", f"/{name}?object=o-1&attempt=1", json=wrong)
    assert reply.status == 422
    assert reply.json()["code"] == "digest_mismatch"
    assert reply.json()["facts"]["differences"] == ["sha256"]
    assert name not in server.files()
    assert server.parts(name) == []


def test_publishing_what_was_never_sent_is_not_found(server, name):
    reply = ask(server, "POST", f"/{name}?object=o-1&attempt=1", json=DIGESTS)
    assert (reply.status, reply.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_get_and_head_tell_size_digests_and_tag(server, file, name, size):
    content = BIG[:size]
    digests = server.client.store(file("f", content), name, object_id="o-1")
    got = ask(server, "GET", f"/{name}")
    head = ask(server, "HEAD", f"/{name}")
    assert got.data == content
    for reply in (got, head):
        assert reply.status == 200
        assert reply.headers["Content-Length"] == str(size)
        assert reply.headers["X-Awlta-Sha256"] == hashlib.sha256(content).hexdigest()
        assert reply.headers["X-Awlta-Adler32"] == f"{zlib.adler32(content):08x}"
        assert reply.headers["ETag"] == f'"{digests.sha256}"'


def test_an_unchanged_file_is_not_sent_again(server, file, name):
    tag = f'"{server.client.store(file("f", BIG), name, object_id="o-1").sha256}"'
    assert ask(server, "GET", f"/{name}", headers={"If-None-Match": tag}).status == 304
    assert ask(server, "GET", f"/{name}", headers={"If-None-Match": '"other"'}).data == BIG


def test_if_range_gives_the_part_only_of_the_same_content(server, file, name):
    tag = f'"{server.client.store(file("f", BIG), name, object_id="o-1").sha256}"'
    ranged = {"Range": "bytes=299990-"}
    same = ask(server, "GET", f"/{name}", headers=ranged | {"If-Range": tag})
    assert (same.status, same.data) == (206, BIG[-10:])
    assert same.headers["Content-Range"] == "bytes 299990-299999/300000"
    other = ask(server, "GET", f"/{name}", headers=ranged | {"If-Range": '"other"'})
    assert (other.status, other.data) == (200, BIG)


def test_several_ranges_are_answered_with_the_whole(server, file, name):
    server.client.store(file("f", BIG), name, object_id="o-1")
    reply = ask(server, "GET", f"/{name}", headers={"Range": "bytes=0-1,5-6"})
    assert (reply.status, reply.data) == (200, BIG)


def test_a_range_behind_the_end_is_416_with_the_size(server, file, name):
    server.client.store(file("f", b"1234"), name, object_id="o-1")
    reply = ask(server, "GET", f"/{name}", headers={"Range": "bytes=4-"})
    assert (reply.status, reply.headers["Content-Range"]) == (416, "bytes */4")


def test_a_packed_copy_beside_a_file_is_never_sent_in_its_place(server, file, name):
    server.client.store(file("f", BIG), name, object_id="o-1")
    path = next((server.root / "data").glob(f"*/{name}"))
    path.with_name(f"{name}.gz").write_bytes(b"something else")
    reply = ask(server, "GET", f"/{name}", headers={"Accept-Encoding": "gzip"})
    assert reply.data == BIG


def test_a_body_is_stored_as_it_came_whatever_its_encoding_says(server, name):
    packed = b"\x1f\x8b not really gzip"
    reply = ask(
        server, "PUT", f"/{name}", body=packed, headers=SENDER | {"Content-Encoding": "gzip"}
    )
    assert reply.json()["sha256"] == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize(
    "address", ["/.hidden", "/-rf", "/a%2Fb", "/a/b", "/%2e%2e%2fetc", "/a%00b", "/a%0A", "/x.part"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_hostile_name_is_refused_over_http(server, method, address):
    # By hand, since urllib3 would tidy the address first.
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port)) as line:
        request = f"{method} {address} HTTP/1.0\r\nX-Awlta-Object: o\r\nContent-Length: 0\r\n\r\n"
        line.sendall(request.encode())
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert json.loads(body)["code"] == "bad_name"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Awlta-Object": "a.b"}, SENDER | {"X-Awlta-Attempt": "0"}, {"X-Awlta-Object": "../x"}],
)
def test_a_put_without_a_right_object_and_attempt_is_refused(server, name, headers):
    reply = ask(server, "PUT", f"/{name}", body=b"x", headers=headers)
    assert (reply.status, reply.json()["code"]) == (400, "bad_value")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"size": "many"}', b"\xff"])
def test_publishing_without_digests_is_refused(server, name, body):
    reply = ask(server, "POST", f"/{name}?object=o&attempt=1", body=body)
    assert (reply.status, reply.json()["code"]) == (400, "bad_input")


def test_digests_that_arrive_in_pieces_are_read_to_their_end(server, name):
    ask(server, "PUT", f"/{name}", body=BIG, headers=SENDER)
    body = json.dumps(DIGESTS).encode()
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port)) as line:
        head = f"POST /{name}?object=o-1&attempt=1 HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        for piece in (head.encode(), body[:20], body[20:]):
            line.sendall(piece)
            time.sleep(0.05)
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    assert b" 201 " in reply.split(b"\r\n")[0]


def test_a_method_that_is_not_served_is_told_so(server, name):
    reply = ask(server, "PATCH", f"/{name}")
    assert (reply.status, reply.json()["code"]) == (405, "refused")


def test_health_counts_files_and_bytes(serve, file):
    server = serve()
    server.client.store(file("a", b"12345"), "a", object_id="o-1")
    server.client.store(file("b", b"123"), "b", object_id="o-2")
    health = ask(server, "GET", "/").json()
    assert (health["service"], health["n_files"], health["bytes"]) == ("dataserver", 2, 8)
    assert health["free"] > 0
    assert health["version"]


def test_names_are_listed_in_order_page_by_page(serve, file):
    server = serve()
    for name in ("c", "a", "b"):
        server.client.store(file(name, name.encode()), name, object_id="o-1")
    first = ask(server, "GET", "/names?limit=2").json()
    assert [n["name"] for n in first["names"]] == ["a", "b"]
    assert first["names"][0]["sha256"] == hashlib.sha256(b"a").hexdigest()
    rest = ask(server, "GET", f"/names?limit=2&after={first['next']}").json()
    assert ([n["name"] for n in rest["names"]], rest["next"]) == (["c"], None)
    assert ask(server, "GET", "/names?limit=-1").json()["code"] == "bad_value"


@pytest.mark.parametrize(("anonymous", "reading"), [(False, 401), (True, 404)])
def test_a_token_is_needed_to_write_and_unless_told_otherwise_to_read(
    serve, tmp_path, anonymous, reading
):
    (tmp_path / "token").write_text("open-sesame\n")
    options = ["--token-file", str(tmp_path / "token")] + ["--anonymous-read"] * anonymous
    server = serve(*options)
    statuses = {}
    for who, token in {
        "nobody": None,
        "wrong": "Bearer x\xfc",
        "right": "Bearer open-sesame",
    }.items():
        headers = SENDER | ({"Authorization": token} if token else {})
        read = ask(server, "GET", "/f.bin", headers=headers)
        write = ask(server, "PUT", "/f.bin", body=b"x", headers=headers)
        publish = ask(server, "POST", "/f.bin?object=none&attempt=1", json=DIGESTS, headers=headers)
        statuses[who] = (read.status, write.status, publish.status)
        assert ask(server, "GET", "/").status == 200
    assert statuses == {
        "nobody": (reading, 401, 401),
        "wrong": (403 if not anonymous else 404, 403, 403),
        "right": (404, 202, 404),
    }


def test_the_part_of_a_sender_that_has_gone_is_removed(server, name):
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port)) as line:
        line.sendall(
            b"PUT /%s HTTP/1.1\r\nHost: x\r\nX-Awlta-Object: o-1\r\n"
            b"Content-Length: 3000000\r\n\r\n" % name.encode() + BIG
        )
        until(lambda: server.parts(name) == [f"o-1.1.{name}"])
    until(lambda: server.parts(name) == [])
    assert name not in server.files()


def test_a_file_larger_than_the_disk_is_refused_before_a_byte_is_sent(server, name):
    reply = ask(server, "HEAD", f"/{name}", headers={"X-Awlta-Room": str(10**17)})
    assert reply.status == 507
    assert json.loads(reply.headers["X-Awlta-Error"])["code"] == "storage"


def test_a_disk_that_fills_up_is_told_and_leaves_nothing(server, file, name):
    if shutil.which("strace") is None:
        pytest.skip("strace, which lets the disk be full, is not installed")
    # Each thread counts for itself, and any of them may write the part.
    inject = "inject=write:error=ENOSPC:when=1+"
    full = subprocess.Popen(
        ["strace", "-f", "-e", inject, "-o", os.devnull, "-p", str(server.pid)],
        stderr=subprocess.PIPE,
    )
    assert b"attached" in full.stderr.readline()
    try:
        with pytest.raises(StorageFault, match="No space left on device") as caught:
            server.client.store(file("f", BIG), name, object_id="o-1")
        assert caught.value.facts["full"] is True
    finally:
        full.terminate()
        full.communicate()
    until(lambda: server.parts(name) == [])
    assert name not in server.files()
    assert server.client.store(file("f", BIG), name, object_id="o-1").size == len(BIG)


def test_a_file_and_a_part_are_set_aside_over_http_by_whoever_may_write(serve, file, tmp_path):
    token = tmp_path / "token"
    token.write_text("open-sesame")
    server = serve("--token-file", str(token))
    client = DataClient(server.url, "open-sesame")
    for name in ("a", "b"):
        client.store(file(name, name.encode()), name, object_id="o-1")
    assert [name for name, _ in client.names()] == ["a", "b"]
    assert dict(client.names())["a"].sha256 == hashlib.sha256(b"a").hexdigest()

    stranger = DataClient(server.url)
    for forbidden in (stranger.parts, lambda: list(stranger.names())):
        with pytest.raises(Refused):
            forbidden()
    for forbidden in (stranger.set_aside, stranger.set_part_aside):
        with pytest.raises(Refused):
            forbidden("a")

    client.set_aside("a")
    assert (list(server.files()), client.head("a")) == (["b"], None)
    with pytest.raises(NotFound):
        client.set_aside("a")
    with pytest.raises(BadName):
        client.set_aside("../index.db")

    left = server.root / ".part" / "o-2.1.c"
    left.write_bytes(b"half a fi")
    assert client.parts() == ["o-2.1.c"]
    client.set_part_aside("o-2.1.c")
    assert client.parts() == []
    with pytest.raises(NotFound):
        client.set_part_aside("../../index.db")
    kept = {p.name: p.read_bytes() for p in (server.root / ".quarantine").glob("*/*")}
    assert kept == {"a": b"a", "o-2.1.c": b"half a fi"}
    client.close()
    stranger.close()


def test_all_names_are_listed_over_several_pages(serve, file, monkeypatch):
    monkeypatch.setattr("awlta.storage.client.PAGE", 2)
    server = serve()
    for number in range(4):
        server.client.store(file("x", b"x"), f"x{number}", object_id="o-1")
    assert [name for name, _ in server.client.names()] == ["x0", "x1", "x2", "x3"]


def test_a_file_is_removed_over_http_by_whoever_may_write_and_says_which(serve, file, tmp_path):
    token = tmp_path / "token"
    token.write_text("open-sesame")
    server = serve("--token-file", str(token), "--anonymous-read")
    client = DataClient(server.url, "open-sesame")
    held = client.store(file("a", b"12345"), "a", object_id="o-1")
    with pytest.raises(Refused):
        DataClient(server.url).remove("a", held.sha256)
    with pytest.raises(NameTaken):
        client.remove("a", "0" * 64)
    with pytest.raises(BadName):
        client.remove("../index.db", held.sha256)
    bearer = {"Authorization": "Bearer open-sesame"}
    reply = ask(server, "DELETE", "/a", headers=bearer)
    assert (reply.status, reply.json()["code"]) == (400, "bad_input")
    assert server.files() == {"a": b"12345"}

    assert client.remove("a", held.sha256) is True
    assert (server.files(), client.head("a")) == ({}, None)
    assert client.remove("a", held.sha256) is False
