"""A file comes in whole and announced, or nothing of it is left but a ticket that says why."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from deliveries import START, announce, deliver
from sqlalchemy import func, select

from awlta.archive import Ingested, ingest, read_document, sip, tickets
from awlta.archive.doctor import examine
from awlta.archive.sip_parse import MAX_BYTES
from awlta.digest import digest_file
from awlta.errors import (
    AwltaError,
    BadInput,
    DigestMismatch,
    DocumentRefused,
    NotFound,
    Refused,
    Unreachable,
)
from awlta.lineage import Workspace
from awlta.lineage.making.activity import now
from awlta.persistent import Attribute, new_object_id, persistent, tables
from awlta.storage.intent import State
from awlta_recipes.raw_file import RawFile


def n_rows(workspace, *names):
    """Return the number of rows of products and files, and of more tables by their names."""
    wanted = [tables.product, tables.file, *(getattr(tables, n) for n in names)]
    with workspace.database.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(t)).scalar_one() for t in wanted
        ]


def stored(workspace):
    return dict(workspace.client().names())


@pytest.fixture(autouse=True)
def tidy(workspace):
    """Whatever a test leaves, the doctor finds and tidies; then all is well."""
    before = set(stored(workspace))
    yield
    # other tests of the same dataserver have databases of their own
    known = {f.what.split()[0] for f in examine(workspace) if f.kind == "file"}
    for name in (set(stored(workspace)) - before) & known:
        workspace.client().set_aside(name)
    mine = set(stored(workspace)) - before
    with workspace.database.read() as connection:
        assert mine == {name for (name,) in connection.execute(select(tables.file.c.name))}


def refuse(workspace, path, kind=BadInput, **more):
    """Ingest what must be refused; return the error and its ticket."""
    rows, names = n_rows(workspace), set(stored(workspace))
    with pytest.raises(kind) as caught:
        ingest(workspace, path, **more)
    assert n_rows(workspace) == rows
    assert set(stored(workspace)) == names
    found = [t for t in tickets(workspace) if t.number == caught.value.facts.get("ticket")]
    ticket = found[0] if found else None
    if ticket is not None:
        assert ticket.state is State.FAILED
        assert ticket.reason == f"{type(caught.value).__name__}: {caught.value}"
    return caught.value, ticket


def test_a_file_comes_in_with_ticket_sip_source_and_operator_in_its_lineage(workspace, tmp_path):
    path = deliver(tmp_path)
    done = ingest(workspace, path)
    assert done.is_new
    raw = done.product
    assert (type(raw), raw.run, raw.n_events, raw.original_name) == (RawFile, 7, 3, "run7.h5")
    (ticket,) = tickets(workspace, State.ARCHIVED)
    assert (ticket.number, ticket.object_id) == (done.ticket, raw.object_id)
    assert [e.state.value for e in ticket.history] == [
        "requested",
        "transferring",
        "verified",
        "archived",
    ]
    announced = sip.read_sip(ticket.sip.encode())
    assert announced.product.files[0].digests == digest_file(path)
    assert announced.product.level == "DL0"

    activity = raw.lineage().to_json()["activities"][0]
    assert (activity["kind"], activity["operator"]) == ("ingest", "ada")
    facts = activity["facts"]
    assert facts["ticket"] == done.ticket
    assert facts["sip_sha256"] == hashlib.sha256(ticket.sip.encode()).hexdigest()
    assert facts["source"].endswith(f":{path}")
    assert raw.retrieve(tmp_path / "back").read_bytes() == path.read_bytes()


def test_the_same_bytes_again_are_known_and_nothing_is_done(workspace, tmp_path):
    first = ingest(workspace, deliver(tmp_path))
    rows = n_rows(workspace, "activity", "ticket", "intent")
    again = ingest(workspace, deliver(tmp_path, "other-name.h5"))
    assert (again.is_new, again.ticket, again.product) == (False, None, first.product)
    assert n_rows(workspace, "activity", "ticket", "intent") == rows


def test_one_users_private_file_is_not_known_to_another(new_workspace, workspace, tmp_path):
    path = deliver(tmp_path)
    mine = ingest(workspace, path).product
    bob = new_workspace("bob", "CRAB")
    with bob.use():
        theirs = ingest(bob, path)
        assert theirs.is_new
        assert theirs.product.object_id != mine.object_id


# bad files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "bad.h5 is empty"),
        (b"hello, world", "beginning with b'hello, world'"),
        (b"\x00" * 5000, "is of no known kind"),
        (b"SIMPLE  =                    T" + b" " * 2850, "is of no known kind"),
    ],
)
def test_an_empty_or_foreign_file_is_refused_with_a_ticket(workspace, tmp_path, content, found):
    path = tmp_path / "bad.h5"
    path.write_bytes(content)
    error, ticket = refuse(workspace, path)
    assert found in str(error)
    assert ticket.source.endswith(str(path))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused_with_a_ticket(workspace, tmp_path, share):
    path = deliver(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: 16392 + int(share * (len(whole) - 16392))])
    error, ticket = refuse(workspace, path)
    assert "run7.h5" in str(error)
    assert "Fetch the file again" in ticket.reason


def test_any_flipped_bit_is_refused_or_leaves_the_bytes_as_they_were_delivered(workspace, tmp_path):
    path = deliver(tmp_path)
    whole = path.read_bytes()
    n_refused = 0
    for place in [0, 5, *range(16384, len(whole), 1511)]:
        raw = bytearray(whole)
        raw[place] ^= 16
        path.write_bytes(raw)
        try:
            product = ingest(workspace, path).product
        except BadInput:
            n_refused += 1
        else:
            back = product.retrieve(tmp_path / "back").read_bytes()
            assert hashlib.sha256(back).digest() == hashlib.sha256(raw).digest()
    assert n_refused > 5
    assert len(tickets(workspace, State.FAILED)) == n_refused


def with_block(path, text):
    """Write something into the identity block of a file."""
    raw = bytearray(path.read_bytes())
    block = b"awlta block 1\n" + text
    raw[: len(block)] = block
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("text", [b"{]", b"[1, 2]", b"[" * 9000])
def test_a_damaged_identity_block_is_refused(workspace, tmp_path, text):
    error, ticket = refuse(workspace, with_block(deliver(tmp_path), text))
    assert "identity block of run7.h5" in str(error)
    assert ticket is not None


@pytest.mark.parametrize(
    "text", [b'{"class": "X"}', b'{"object_id": "no uuid"}', b'{"object_id": 7}']
)
def test_an_identity_block_of_nothing_we_know_names_no_simulation(workspace, tmp_path, text):
    assert ingest(workspace, with_block(deliver(tmp_path), text)).product.simulation is None


def test_a_file_that_is_not_there_or_cannot_be_read_opens_no_ticket(workspace, tmp_path):
    for path, kind in [
        (tmp_path / "none.h5", NotFound),
        (tmp_path, NotFound),
        (tmp_path / ("x" * 5000), AwltaError),
        (tmp_path / os.fsdecode(b"bad\xff.h5"), BadInput),
    ]:
        assert refuse(workspace, path, kind)[1] is None
    if os.path.exists("/proc/self/mem"):  # a regular file that gives EIO
        error, ticket = refuse(workspace, type(tmp_path)("/proc/self/mem"))
        assert "cannot be read" in str(error)
        assert ticket is None
    assert tickets(workspace) == []


def test_a_name_with_terminal_codes_or_markup_comes_in_or_is_refused_whole(workspace, tmp_path):
    markup = ingest(workspace, deliver(tmp_path, "[bold]:x:.h5", run=1))
    assert markup.product.original_name == "[bold]:x:.h5"
    error, ticket = refuse(workspace, deliver(tmp_path, "a\x1b[31m.h5", run=2), AwltaError)
    assert "U+001B" in str(error)
    assert ticket is not None


# the SIP ----------------------------------------------------------------------------------


def of_product(**values):
    return lambda s: replace(s, product=replace(s.product, **values))


def of_file(**values):
    return lambda s: of_product(files=(replace(s.product.files[0], **values),))(s)


def of_attribute(name, value, unit=""):
    kept = lambda s: tuple(v for v in s.product.attributes if v.name != name)  # noqa: E731
    return lambda s: of_product(attributes=(*kept(s), sip.NamedValue(name, value, unit)))(s)


def of_access(**values):
    return lambda s: of_product(access=replace(s.product.access, **values))(s)


def test_a_file_comes_in_with_the_sip_of_its_sender(workspace, tmp_path):
    path = deliver(tmp_path)
    document = announce(workspace, path, of_product(category="C"))
    done = ingest(workspace, path, document=document)
    assert done.product.category == "C"
    (ticket,) = tickets(workspace)
    assert ticket.sip.encode() == document
    digest = hashlib.sha256(document).hexdigest()
    assert done.product.lineage().to_json()["activities"][0]["facts"]["sip_sha256"] == digest


def test_a_sip_may_give_the_object_id(workspace, tmp_path):
    path, mine = deliver(tmp_path), new_object_id()
    given = of_product(identifier=sip.Identifier("site", mine))
    document = announce(workspace, path, given)
    assert ingest(workspace, path, document=document).product.object_id == mine
    assert workspace.get(mine).run == 7

    other = deliver(tmp_path, "run8.h5", run=8)
    taken = announce(workspace, other, given)
    error, _ = refuse(workspace, other, DocumentRefused, document=taken)
    assert f"/sip/product/identifier: object_id {mine} is taken" in str(error)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (of_file(size=17), "/sip/product/files/file[1]/size: run7.h5 was announced with size 17"),
        (of_file(sha256="0" * 64), "/sip/product/files/file[1]/sha256"),
        (of_file(adler32="0" * 8), "/sip/product/files/file[1]/adler32"),
        (of_file(name="run8.h5"), "/sip/product/files/file: name run8.h5, delivered as"),
        (of_product(class_name="SkyMap"), "/sip/product: class SkyMap, the file is a RawFile"),
        (of_product(level="DL3"), "/sip/product: level DL3, a RawFile is DL0"),
        (of_attribute("run", 8), "/sip/product/attributes/run: 8, the file says 7"),
        (of_attribute("alt", 70.0, "rad"), "/sip/product/attributes/alt: in rad, the archive"),
        (of_attribute("colour", "red"), "/sip/product/attributes/colour: the file tells no such"),
        (of_attribute("target_ra", 83.6), "/sip/product/attributes/target_ra: the file tells no"),
        (lambda s: replace(s, project=sip.Project("OTHER")), "/sip/header/project: project OTHER"),
    ],
)
def test_every_difference_between_sip_and_file_is_refused_with_its_place(
    workspace, tmp_path, change, place
):
    path = deliver(tmp_path)
    document = announce(workspace, path, change)
    error, ticket = refuse(workspace, path, DocumentRefused, document=document)
    assert place in str(error)
    assert place in ticket.reason


def test_all_differences_are_told_at_once(workspace, tmp_path):
    path = deliver(tmp_path)
    first = announce(workspace, path)
    second = sip.read_sip(first).product.files[0]

    def change(s):
        s = of_attribute("run", 8)(s)
        return of_product(files=(second, replace(second, name="b.h5")), category="A")(s)

    document = announce(workspace, path, change)
    error, _ = refuse(workspace, path, DocumentRefused, document=document)
    assert [f.path for f in error.faults] == [
        "/sip/product/attributes/run",
        "/sip/product/files",
        "/sip/product/files/file[2]",
    ]


@pytest.mark.parametrize(
    ("level", "change", "is_refused"),
    [
        (1, of_access(level=1), False),
        (2, of_access(level=1), True),
        (2, of_access(level=4), False),
        (3, of_access(level=4), False),
        (3, of_access(level=4, embargo=now().date() + timedelta(days=9)), True),
        (3, of_access(level=4, embargo=now().date() - timedelta(days=9)), False),
    ],
)
def test_a_product_is_never_seen_more_widely_than_its_sip_allows(
    new_workspace, tmp_path, level, change, is_refused
):
    workspace = new_workspace("eve", "CRAB", level=level)
    path = deliver(tmp_path)
    with workspace.use():
        document = announce(workspace, path, change)
        if is_refused:
            error, _ = refuse(workspace, path, DocumentRefused, document=document)
            assert "/sip/product/access" in str(error)
        else:
            assert ingest(workspace, path, document=document).product._privileges == level


GOOD_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (b"", "not well-formed XML"),
        (b"\xff\xfe<sip/>", "byte 1 is no UTF-8"),
        (b"<sip", "not well-formed XML"),
        (b"<a/>", "the root is a"),
        (GOOD_HEAD + b"<!DOCTYPE sip [<!ENTITY a 'b'>]>\n<sip>&a;</sip>", "line 2"),
        (
            GOOD_HEAD + b"<!DOCTYPE sip SYSTEM 'file:///etc/passwd'>\n<sip/>",
            "a document type (DOCTYPE) is not taken",
        ),
        (b" " * (MAX_BYTES + 1), "1048576 are taken at most"),
        (b'<sip xmlns="urn:awlta:sip:1.0" version="1.0"/>', "/sip"),
    ],
)
def test_a_sip_that_cannot_be_read_fails_the_ticket_of_the_file(
    workspace, tmp_path, document, found
):
    path = deliver(tmp_path)
    error, ticket = refuse(workspace, path, DocumentRefused, document=document)
    assert found in str(error)
    assert found in ticket.reason
    assert ticket.source.endswith("run7.h5")


def test_of_a_sip_that_is_too_long_only_the_beginning_is_read(tmp_path):
    path = tmp_path / "huge.xml"
    with open(path, "wb") as stream:
        stream.truncate(10 * MAX_BYTES)
    assert len(read_document(path)) == MAX_BYTES + 1
    with pytest.raises(NotFound, match="There is no SIP"):
        read_document(tmp_path / "none.xml")


# again ------------------------------------------------------------------------------------


def test_a_failed_ingest_goes_on_under_the_same_object_id_and_ticket(workspace, tmp_path):
    path = deliver(tmp_path)
    _, first = refuse(workspace, path, DocumentRefused, document=b"<sip")
    _, second = refuse(workspace, path, DocumentRefused, document=b"")
    done = ingest(workspace, path)
    assert (done.ticket, done.product.object_id) == (first.number, first.object_id)
    (ticket,) = tickets(workspace)
    assert (ticket.state, ticket.reason, second.number) == (State.ARCHIVED, "", first.number)
    assert [e.state.value for e in ticket.history] == [
        *("requested", "failed"),
        *("requested", "failed"),
        *("requested", "transferring", "verified", "archived"),
    ]
    assert [e.why for e in ticket.history if e.state is State.REQUESTED] == [
        "",
        "attempt 2",
        "attempt 3",
    ]


def test_a_sip_with_an_object_id_keeps_it_when_the_file_comes_again_whole(workspace, tmp_path):
    path, mine = deliver(tmp_path), new_object_id()
    document = announce(workspace, path, of_product(identifier=sip.Identifier("awlta", mine)))
    whole = path.read_bytes()
    path.write_bytes(whole[:20000])
    _, failed = refuse(workspace, path, BadInput, document=document)
    assert failed.object_id == mine
    path.write_bytes(whole)
    done = ingest(workspace, path, document=document)
    assert (done.product.object_id, done.ticket) == (mine, failed.number)


def test_other_bytes_of_an_earlier_attempt_do_not_keep_the_right_ones_out(workspace, tmp_path):
    path, mine = deliver(tmp_path), new_object_id()
    name = f"raw_file-{mine}.h5"
    left = tmp_path / "left"
    left.write_bytes(b"what an attempt with another file has stored")
    given = of_product(identifier=sip.Identifier("awlta", mine))
    wrong = announce(workspace, path, lambda s: given(of_file(size=1)(s)))
    refuse(workspace, path, DocumentRefused, document=wrong)
    workspace.client().store(left, name, object_id=mine)
    done = ingest(workspace, path, document=announce(workspace, path, given))
    assert [f.name for f in done.product.files] == [f"raw_file-{mine}-2.h5"]
    assert [f.what for f in examine(workspace) if mine in f.what] == [f"{name} has no row"]


def test_an_unreachable_dataserver_fails_the_ticket_and_the_work_goes_on_later(
    new_profile, workspace, tmp_path
):
    path = deliver(tmp_path)
    away = Workspace(new_profile(dataserver="http://127.0.0.1:1"))
    with away.use(), pytest.raises(Unreachable) as caught:
        ingest(away, path)
    away.close()
    number = caught.value.facts["ticket"]
    done = ingest(workspace, path)
    assert done.ticket == number


def test_a_file_that_changes_while_it_is_sent_is_refused_and_comes_in_when_quiet(
    workspace, tmp_path
):
    path = deliver(tmp_path, n_events=50)

    def write_more(_):
        with open(path, "ab") as stream:
            stream.write(b"more")

    with pytest.raises(DigestMismatch, match="changed while it was sent") as caught:
        ingest(workspace, path, progress=write_more)
    (ticket,) = tickets(workspace)
    assert (ticket.number, ticket.state) == (caught.value.facts["ticket"], State.FAILED)
    left = [f for f in examine(workspace) if f.kind == "part" and ticket.object_id in f.what]
    for finding in left:
        finding.clean()
    assert not [p for p in workspace.client().parts() if ticket.object_id in p]
    assert n_rows(workspace) == [0, 0]


def test_a_file_that_changed_before_it_is_sent_is_refused(workspace, tmp_path, monkeypatch):
    path = deliver(tmp_path)
    from_file = RawFile.from_file.__func__

    def changing(cls, path):
        product = from_file(cls, path)
        raw = bytearray(path.read_bytes())
        raw[100] ^= 1
        path.write_bytes(raw)
        return product

    monkeypatch.setattr(RawFile, "from_file", classmethod(changing))
    with pytest.raises(DigestMismatch, match="arrived with other sha256, adler32"):
        ingest(workspace, path)
    assert n_rows(workspace) == [0, 0]
    (orphan,) = [f for f in examine(workspace) if tickets(workspace)[0].object_id in f.what]
    assert orphan.kind == "file"


def test_an_interrupt_fails_the_ticket_and_goes_through(workspace, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(workspace, deliver(tmp_path), progress=interrupt)
    (ticket,) = tickets(workspace)
    assert (ticket.state, ticket.reason) == (State.FAILED, "KeyboardInterrupt: ")


# at once ----------------------------------------------------------------------------------

BESIDE = """
import sys
from pathlib import Path
from awlta import config
from awlta.archive import ingest
from awlta.errors import Refused
from awlta.lineage import opened
with opened(config.load()) as workspace:
    sys.stdin.read(1)
    try:
        print(ingest(workspace, Path(sys.argv[1])).product.object_id)
    except Refused as error:
        print("refused:", error)
"""


def test_two_processes_with_one_file_at_once_give_one_object(workspace, tmp_path):
    path = deliver(tmp_path, n_events=40)
    workspace.profile.save()
    environment = {**os.environ, "AWLTA_HOME": str(workspace.profile.home)}
    beside = [
        subprocess.Popen(
            [sys.executable, "-c", BESIDE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(3)
    ]
    for process in beside:
        process.stdin.write("!")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in beside]
    (raw,) = RawFile.select_all()
    done = [s for s in said if s == raw.object_id]
    refused = [s for s in said if "is being made by process" in s or "archived meanwhile" in s]
    assert done
    assert len(done) + len(refused) == 3


def test_the_same_bytes_announced_under_two_object_ids_at_once_become_one_object(
    new_workspace, workspace, tmp_path
):
    path = deliver(tmp_path)
    named = announce(
        workspace, path, of_product(identifier=sip.Identifier("awlta", new_object_id()))
    )
    beside = new_workspace()
    winners = []

    def overtake(_):
        """While the one is sending, the other comes in whole."""
        if not winners:
            with beside.use():
                winners.append(ingest(beside, path))

    with pytest.raises(Refused, match="was archived meanwhile, as ") as caught:
        ingest(workspace, path, document=named, progress=overtake)
    assert winners[0].product.object_id in str(caught.value)
    assert len(list(RawFile.select_all())) == 1
    (ticket,) = tickets(workspace, State.FAILED)
    (orphan,) = [f for f in examine(workspace) if ticket.object_id in f.what]
    assert orphan.kind == "file"


# a class of one's own ---------------------------------------------------------------------


class Note(Ingested):
    """A text file; what it is not, a library finds out."""

    n_words: Attribute[int] = persistent("number of words")
    margins: Attribute[tuple[float, ...]] = persistent("no scalar", default=(1.0, 2.0))
    day: Attribute[datetime] = persistent("when it was written", default=START)

    data_level = "DL6"

    @classmethod
    def recognises(cls, path):
        with open(path, "rb") as stream:
            return stream.read(5) == b"NOTE "

    @classmethod
    def from_file(cls, path):
        return cls(original_name=path.name, n_words=len(path.read_text().split()))

    def format(self):
        return "text", "text/plain", ".txt"


def test_a_new_class_of_files_comes_in_without_any_other_change(workspace, tmp_path):
    path = tmp_path / "note"
    path.write_text("NOTE one two three")
    note = ingest(workspace, path).product
    assert (type(note), note.n_words, note.file().media_type) == (Note, 4, "text/plain")
    announced = sip.read_sip(tickets(workspace)[0].sip.encode())
    assert (announced.product.class_name, announced.product.level) == ("Note", "DL6")
    assert Note.select(n_words=4)[0] is note
    told = {v.name: v.value for v in announced.product.attributes}
    assert told == {"original_name": "note", "n_words": 4, "day": START}


def test_whatever_a_library_makes_of_a_damaged_file_is_bad_input(workspace, tmp_path):
    path = tmp_path / "note"
    path.write_bytes(b"NOTE \xff")
    error, ticket = refuse(workspace, path)
    assert "note cannot be read: UnicodeDecodeError: " in str(error)
    assert ticket is not None


def test_a_class_that_cannot_be_made_from_files_says_so(tmp_path):
    with pytest.raises(BadInput, match="Ingested has no files to be ingested"):
        Ingested.from_file(tmp_path)
