"""A file comes in whole and announced, or nothing of it is left but a ticket that says why."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime

import pytest
from deliveries import START, deliver
from ingesting import n_rows, refuse

from awlta.archive import Ingested, ingest, sip, tickets
from awlta.digest import digest_file
from awlta.errors import AwltaError, BadInput, NotFound
from awlta.persistent import Attribute, persistent
from awlta.storage.intent import State
from awlta_recipes.raw_file import RawFile

pytestmark = pytest.mark.usefixtures("tidy")


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
