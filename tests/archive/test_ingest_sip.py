"""A file comes in as its SIP announces it, or is refused with every place that differs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from deliveries import announce, deliver
from ingesting import of_access, of_attribute, of_file, of_product, refuse

from awlta.archive import ingest, read_document, sip, tickets
from awlta.archive.sip_parse import MAX_BYTES
from awlta.errors import DocumentRefused, NotFound
from awlta.lineage.making.activity import now
from awlta.persistent import new_object_id

pytestmark = pytest.mark.usefixtures("tidy")


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
