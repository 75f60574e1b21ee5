"""Whatever arrives, the reader answers with a SIP or with DocumentRefused, and soon."""

import random
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.archive.sip import MAX_FAULTS, Sip, check_sip, read_sip, write_sip
from awlta.archive.sip_parse import MAX_BYTES, MAX_ELEMENTS
from awlta.errors import DocumentFault, DocumentRefused

EXAMPLE = files("awlta.schemas").joinpath("example-pipeline.xml").read_bytes()
HEAD = b"<?xml version='1.0' encoding='UTF-8'?>\n"
BODY = EXAMPLE.removeprefix(HEAD)
OPEN = b'<sip xmlns="urn:awlta:sip:1.0" version="1.0">'
PROJECT = b'<project name="CTA-COMM">'
DESCRIPTION = b"Commissioning of the first large telescope"

pytestmark = pytest.mark.timeout(60)


def the_faults(document: bytes) -> tuple[DocumentFault, ...]:
    with pytest.raises(DocumentRefused) as refused:
        read_sip(document)
    assert refused.value.faults
    return refused.value.faults


def doctype(inside: str) -> bytes:
    return HEAD + f"<!DOCTYPE sip [{inside}]>\n".encode() + BODY.replace(DESCRIPTION, b"&e;")


def laughs(n: int) -> str:
    steps = "".join(f"<!ENTITY e{i} '{f'&e{i - 1};' * 10}'>" for i in range(1, n))
    return f"<!ENTITY e0 'ha'>{steps}<!ENTITY e '&e{n - 1};'>"


DOCUMENT_TYPES = {
    "a bare document type": HEAD + b"<!DOCTYPE sip>\n" + BODY,
    "an internal entity": doctype("<!ENTITY e 'CTA'>"),
    "an external entity": doctype("<!ENTITY e SYSTEM 'file:///etc/hostname'>"),
    "a parameter entity": doctype("<!ENTITY % p SYSTEM 'file:///etc/hostname'> %p;"),
    "an external subset": HEAD + b"<!DOCTYPE sip SYSTEM 'file:///etc/hostname'>\n" + BODY,
    "a public subset": HEAD + b"<!DOCTYPE sip PUBLIC '-//X//Y' 'http://127.0.0.1:9/'>\n" + BODY,
    "a billion laughs": doctype(laughs(10)),
    "a quadratic blow-up": doctype(f"<!ENTITY e '{'ha' * 50_000}'>").replace(b"&e;", b"&e;" * 999),
    "an entity that holds itself": doctype("<!ENTITY e '&e;'>"),
}

ENCODINGS = {
    "UTF-16 with mark": EXAMPLE.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    "UTF-16 without mark": EXAMPLE.decode().replace("UTF-8", "UTF-16LE").encode("utf-16-le"),
    "UTF-16 declared as UTF-8": EXAMPLE.decode().encode("utf-16"),
    "UTF-16 declared as UTF-8 without mark": EXAMPLE.decode().encode("utf-16-le"),
    "UTF-16 with a document type": b"\0".join(
        bytes([b]) for b in HEAD + b"<!DOCTYPE sip>" + BODY.decode().encode("ascii")
    )
    + b"\0",
    "UTF-7 with a document type": HEAD.replace(b"-8", b"-7") + b"+ADw-!DOCTYPE sip>" + BODY,
    "UTF-32": EXAMPLE.decode().replace("UTF-8", "UTF-32").encode("utf-32"),
    "UTF-7": EXAMPLE.replace(b"UTF-8", b"UTF-7"),
    "latin-1": EXAMPLE.replace(b"UTF-8", b"ISO-8859-1").replace(DESCRIPTION, b"caf\xe9"),
    "latin-1 in pure ASCII": EXAMPLE.replace(b"UTF-8", b"ISO-8859-1"),
    "EBCDIC": EXAMPLE.decode().replace("UTF-8", "IBM037").encode("cp037"),
    "an unknown encoding": EXAMPLE.replace(b"UTF-8", b"klingon"),
    "bytes that are no UTF-8": EXAMPLE.replace(DESCRIPTION, b"\xff\xfe"),
    "an overlong form": EXAMPLE.replace(DESCRIPTION, b"\xc0\xaf"),
    "a surrogate": EXAMPLE.replace(DESCRIPTION, b"\xed\xa0\x80"),
}

MALFORMED = {
    "nothing": b"",
    "white space": b" \n\t ",
    "a zero byte": b"\0",
    "binary": bytes(range(256)) * 16,
    "a FITS header": b"SIMPLE  =                    T".ljust(2880),
    "JSON": b'{"sip": 1}',
    "a declaration alone": HEAD,
    "two roots": EXAMPLE + EXAMPLE.removeprefix(HEAD),
    "text behind the root": EXAMPLE + b"more",
    "a forbidden character": EXAMPLE.replace(DESCRIPTION, b"&#0;"),
    "a control character": EXAMPLE.replace(DESCRIPTION, b"\x1b"),
    "an entity nobody declared": EXAMPLE.replace(DESCRIPTION, b"&nbsp;"),
    "an attribute twice": EXAMPLE.replace(PROJECT, b'<project name="a" name="b">'),
    "an unbound prefix": EXAMPLE.replace(PROJECT, b'<x:project name="a">'),
    "a depth of 100000": OPEN + b"<a>" * 100_000,
    "a closed depth of 100000": OPEN + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</sip>",
}

TOO_MUCH = {
    "more bytes than are taken": EXAMPLE + b" " * MAX_BYTES,
    "80000 attributes": OPEN[:-1] + b"".join(b' a%d=""' % n for n in range(80_000)) + b"/>",
    "more elements than are taken": OPEN + b"<a/>" * MAX_ELEMENTS + b"</sip>",
    "200000 elements": OPEN + b"<a/>" * 200_000 + b"</sip>",
}

WRONG = {
    "another root": b"<a/>",
    "another namespace": EXAMPLE.replace(b"urn:awlta:sip:1.0", b"urn:awlta:sip:9.9"),
    "no namespace": EXAMPLE.replace(b' xmlns="urn:awlta:sip:1.0"', b""),
    "another version": EXAMPLE.replace(b'version="1.0">', b'version="1.1">'),
    "an empty sip": OPEN + b"</sip>",
    "an attribute of a megabyte": EXAMPLE.replace(b"CTA-COMM", b"x" * (MAX_BYTES - len(EXAMPLE))),
    "a text of a megabyte": EXAMPLE.replace(DESCRIPTION, b"x" * (MAX_BYTES - len(EXAMPLE))),
    "a number of 100000 digits": EXAMPLE.replace(b">51877<", b">" + b"0" * 100_000 + b"1<"),
    "a year of 30 digits": EXAMPLE.replace(b"<created>2026", b"<created>" + b"9" * 30),
    "a count of 100000 digits": EXAMPLE.replace(b'count="5"', b'count="' + b"5" * 100_000 + b'"'),
    "a type of the sender's choice": EXAMPLE.replace(
        b"<integer name",
        b'<integer xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="TextValue" name',
    ),
    "an element of another namespace": EXAMPLE.replace(PROJECT, PROJECT + b'<x xmlns="urn:x"/>'),
    "an inclusion": EXAMPLE.replace(
        DESCRIPTION,
        b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/hostname" parse="text"/>',
    ),
    "19000 faulty siblings": EXAMPLE.replace(
        b'<telescope name="LST-1"/>', b"<telescope/>" * 19_000
    ),
    "4000 unknown siblings": EXAMPLE.replace(b'<telescope name="LST-1"/>', b"<a/>" * 4_000),
}


@pytest.mark.parametrize("document", DOCUMENT_TYPES.values(), ids=DOCUMENT_TYPES.keys())
def test_a_document_type_is_refused(document: bytes) -> None:
    (fault,) = the_faults(document)
    assert "entity" in fault.message or (fault.line == 2 and "DOCTYPE" in fault.message)


@pytest.mark.parametrize("document", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_an_encoding_other_than_utf_8_is_refused(document: bytes) -> None:
    (fault,) = the_faults(document)
    assert "UTF-8" in fault.message or "ncoding" in fault.message


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_not_xml_is_refused(document: bytes) -> None:
    (fault,) = the_faults(document)
    assert "not well-formed" in fault.message or "UTF-8" in fault.message


@pytest.mark.parametrize("document", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_too_much_is_refused(document: bytes) -> None:
    (fault,) = the_faults(document)
    assert "taken at most" in fault.message


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG.keys())
def test_what_is_no_sip_is_refused(document: bytes) -> None:
    assert document != EXAMPLE
    assert len(document) <= MAX_BYTES
    faults = the_faults(document)
    assert len(faults) <= MAX_FAULTS + 1
    assert all(len(fault.message) < 1000 for fault in faults)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_a_comment_and_cdata_are_taken(line_end: bytes) -> None:
    document = EXAMPLE.replace(DESCRIPTION, b"<![CDATA[<!DOCTYPE]]><!-- & --> here<?stop?>!")
    sip = read_sip(b"\xef\xbb\xbf" + document.replace(b"\n", line_end))
    assert sip.project.description == "<!DOCTYPE here!"


def test_a_schema_named_by_the_sender_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        hint = (
            '<sip xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
            f'i:schemaLocation="urn:awlta:sip:1.0 http://127.0.0.1:{port}/sip.xsd" '
        ).encode()
        document = EXAMPLE.replace(b"<sip ", hint)
        assert isinstance(read_sip(document), Sip)
        the_faults(document.replace(b'level="DL1"', b'level="DL9"'))
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_external_entity_leaves_no_trace_of_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not tell")
    document = doctype(f"<!ENTITY e SYSTEM '{secret.as_uri()}'>")
    assert "do not tell" not in str(the_faults(document))


def test_a_document_cut_anywhere_is_refused() -> None:
    end = EXAMPLE.rindex(b">")
    for length in range(end + 1):
        the_faults(EXAMPLE[:length])


def read_or_refused(document: bytes) -> bool:
    """Read a damaged document; one that is accepted must be a SIP that can be written."""
    try:
        sip = read_sip(document)
    except DocumentRefused:
        return False
    assert read_sip(write_sip(sip)) == sip
    return True


def test_a_flipped_bit_gives_a_refusal_or_another_valid_sip() -> None:
    chance = random.Random(20482)
    accepted = 0
    for _ in range(400):
        document = bytearray(EXAMPLE)
        document[chance.randrange(len(document))] ^= 1 << chance.randrange(8)
        accepted += read_or_refused(bytes(document))
    # A flip within a name or a digit gives another name or digit, most others break something.
    assert 0 < accepted < 300


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pieces_of_a_sip_in_any_order_are_refused_or_valid(data: st.DataObject) -> None:
    lines = EXAMPLE.splitlines(keepends=True)
    first, second = (data.draw(st.integers(2, len(lines) - 2)) for _ in "ab")
    if data.draw(st.booleans()):
        lines[first], lines[second] = lines[second], lines[first]
    else:
        lines[first : first + 1] = [lines[second]] * data.draw(st.integers(0, 3))
    read_or_refused(b"".join(lines))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(EXAMPLE)))
def test_bytes_put_anywhere_are_refused_or_valid(noise: bytes, where: int) -> None:
    read_or_refused(EXAMPLE[:where] + noise + EXAMPLE[where:])


VALUES = {
    "integer": ["+5", "", "1e3", "1_000", "9223372036854775808", "-9223372036854775809", "٣"],
    "real": [".", "e5", "NaN", "+INF", "1_0", "0x1", "1,5", "--1"],
    "boolean": ["1", "True", "yes", ""],
    "time": [
        "2026-01-30",
        "2026-01-30T22:10:00",
        "2026-01-30T22:10:00+00:00",
        "2026-01-30T24:00:00Z",
        "2026-01-30T22:10:60Z",
        "2026-02-30T22:10:00Z",
        "0000-01-30T22:10:00Z",
        "10000-01-30T22:10:00Z",
        "2026-01-30T22:10:00.1234567Z",
    ],
    "size": ["0", "-1", "1.5", "", "9223372036854775808", "10 kB"],
    "sha256": ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, " " + "0" * 64],
    "adler32": ["", "0" * 7, "0" * 9, "ABCDEF01", "0x123456"],
    "md5": ["", "0" * 31, "F" * 32],
    "submitter": ["", " ", " eve", "eve ", "a\nb", "x" * 201],
    "created": ["", "now", "2026-13-01T00:00:00Z"],
}


@pytest.mark.parametrize(
    ("element", "value"), [(e, v) for e, values in VALUES.items() for v in values]
)
def test_a_value_of_the_wrong_form_is_told_with_line_and_expectation(
    element: str, value: str
) -> None:
    lines = EXAMPLE.decode().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if f"</{element}>" in line)
    start, end = lines[number].index(">") + 1, lines[number].index("</")
    lines[number] = lines[number][:start] + value + lines[number][end:]
    (fault,) = the_faults("".join(lines).encode())
    assert fault.line == number + 1
    assert fault.path.endswith("/" + element)
    assert ", expected " in fault.message


ATTRIBUTES = {
    b'<file name="CameraImages': [b'<file name=".', b'<file name="a/', '<file name="é'.encode()],
    b"019c1764-9e2a-7d41-9b03-5f2b8a6c0e11": [b"019c1764", b"019C1764-9E2A-7D41-9B03-5F2B8A6C0E11"],
    b'<access level="2"': [b'<access level="0"', b'<access level="6"', b'<access level="MyDB"'],
    b'embargo="2027-02-01"': [b'embargo="2027-02-30"', b'embargo="2027-02-01Z"', b'embargo=""'],
    b'category="C"': [b'category="D"', b'category=""', b'category="c"'],
    b'level="DL1"': [b'level="DL7"', b'level="dl1"'],
    b'class="CameraImages"': [b'class="Camera Images"', b'class=""', b'class="1A"'],
    b"application/x-hdf5": [b"hdf5", b"", b"Application/HDF5", b"a/b; c=d"],
    b'unit="s"': [b'unit=""', b'unit=" s"'],
    b'external="true"/>\n    </rel': [b'external="yes"/>\n    </rel'],
    b'kind="calibrates"': [b'kind="GroupID"', b'kind=""'],
    b'kind="observation"': [b'kind="Observation"'],
}


@pytest.mark.parametrize(
    ("right", "wrong"), [(r, w) for r, wrongs in ATTRIBUTES.items() for w in wrongs]
)
def test_an_attribute_of_the_wrong_form_is_told_with_line_and_expectation(
    right: bytes, wrong: bytes
) -> None:
    document = EXAMPLE.replace(right, wrong, 1)
    faults = the_faults(document)
    assert {f.line for f in faults} == {EXAMPLE[: EXAMPLE.index(right)].count(b"\n") + 1}
    assert ", expected " in faults[0].message


def test_every_element_that_is_missing_is_told() -> None:
    document = EXAMPLE
    for line in (
        b"    <submitter>m.curie</submitter>\n",
        b'    <access level="2" embargo="2027-02-01" licence="CC-BY-4.0"/>\n',
        b"        <size>734003200</size>\n",
        b"        <adler32>11e60398</adler32>\n",
    ):
        assert line in document
        document = document.replace(line, b"")
    told = " ".join(str(fault) for fault in the_faults(document))
    for missing in ("submitter", "access", "size", "adler32"):
        assert f"'{missing}'" in told or f"the element {missing} is missing" in told


def test_two_unknown_elements_in_one_parent_are_both_told() -> None:
    document = EXAMPLE.replace(PROJECT, PROJECT + b"\n<one/>\n<two/>")
    paths = [(f.line, f.path) for f in the_faults(document)]
    assert (7, "/sip/header/project/one") in paths
    assert (8, "/sip/header/project/two") in paths


def test_threads_do_not_mix_up_their_verdicts() -> None:
    bad = {n: EXAMPLE.replace(b'level="DL1"', f'level="X{n}"'.encode()) for n in range(40)}

    def verdict(n: int) -> str:
        return " ".join(fault.message for fault in check_sip(bad.get(n, EXAMPLE)))

    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(verdict, range(-40, 40)))
    assert verdicts[:40] == [""] * 40
    assert all(f"level is 'X{n}'," in verdicts[40 + n] for n in range(40))
