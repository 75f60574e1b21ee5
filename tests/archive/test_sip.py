"""Round trips, the agreement of model and schema, and the comparison with what arrived."""

import dataclasses
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from awlta import schemas
from awlta.archive.sip import (
    AccessRights,
    FileDescription,
    Generator,
    Identifier,
    NamedValue,
    ProcessDescription,
    ProcessInput,
    ProcessKind,
    ProductDescription,
    Project,
    RelatedProduct,
    Relation,
    RelationKind,
    Sip,
    check_files,
    check_sip,
    read_sip,
    write_sip,
)
from awlta.digest import Digests
from awlta.errors import BadValue, DocumentRefused

XS = "{http://www.w3.org/2001/XMLSchema}"


def example(name: str) -> bytes:
    return files("awlta.schemas").joinpath(name).read_bytes()


FULL = read_sip(example("example-pipeline.xml"))


# Values that a sender might choose, all of them free of contradiction.

characters = st.characters(
    blacklist_categories=["Cs"],
    blacklist_characters=[chr(c) for c in range(32) if chr(c) not in "\t\n\r"]
    + ["\ufffe", "\uffff"],
)
texts = st.text(characters, max_size=20)
names = texts.map(lambda text: " ".join(text.split("\n")).replace("\r", " ").strip(" \t")).filter(
    bool
)
value_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,20}", fullmatch=True)
digits = "0123456789abcdef"
times = st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30), timezones=st.just(UTC))
named_values = st.one_of(
    st.builds(NamedValue, value_names, st.booleans() | texts | times),
    st.builds(
        NamedValue,
        value_names,
        st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
        st.just("") | names,
    ),
)
value_lists = st.lists(named_values, max_size=3, unique_by=lambda v: v.name).map(tuple)
file_lists = st.lists(
    st.builds(
        FileDescription,
        name=st.from_regex(r"[A-Za-z0-9_+\-][A-Za-z0-9._+\-]{0,20}", fullmatch=True),
        size=st.integers(1, 2**63 - 1),
        sha256=st.text(digits, min_size=64, max_size=64),
        adler32=st.text(digits, min_size=8, max_size=8),
        media_type=st.sampled_from(["application/fits", "text/plain"]),
        format_name=names,
        format_version=st.just("") | names,
        md5=st.just("") | st.text(digits, min_size=32, max_size=32),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda f: f.name,
).map(tuple)


@st.composite
def sips(draw: st.DrawFn) -> Sip:
    """Draw a product and up to three related ones, each made from those behind it."""
    uuid = str(draw(st.uuids()))
    products = [Identifier(draw(names), uuid)]
    products += [
        Identifier("telescope", f"{draw(names)}{n}") for n in range(draw(st.integers(0, 3)))
    ]
    runs = [Identifier("run", f"{draw(names)}{n}") for n in range(len(products))]

    def inputs(n: int) -> tuple[ProcessInput, ...]:
        behind = [ProcessInput(p, draw(st.just("") | names)) for p in products[n + 1 :]]
        outside = ProcessInput(Identifier("elsewhere", draw(names)), is_external=True)
        return tuple(draw(st.sampled_from([[], behind, [*behind, outside]])))

    def process(n: int) -> ProcessDescription:
        start = draw(times)
        return ProcessDescription(
            identifier=runs[n],
            kind=draw(st.sampled_from(ProcessKind)),
            name=draw(names),
            version=draw(names),
            start=draw(st.none() | st.just(start)),
            end=draw(
                st.none() | st.just(start + timedelta(microseconds=draw(st.integers(0, 9**9))))
            ),
            telescopes=tuple(draw(st.lists(names, max_size=2, unique=True))),
            parameters=draw(value_lists),
            inputs=inputs(n),
        )

    relations = tuple(
        Relation(draw(st.sampled_from(RelationKind)), target) for target in products[1:]
    )
    return Sip(
        generator=Generator(draw(names), draw(names)),
        created=draw(times),
        project=Project(draw(names), draw(texts)),
        submitter=draw(names),
        product=ProductDescription(
            identifier=products[0],
            class_name="RawFile",
            level=draw(st.sampled_from(["R0", "R1", "DL0", "DL6"])),
            process=runs[0],
            access=AccessRights(
                draw(st.integers(1, 5)),
                draw(st.none() | st.dates(date(1000, 1, 1), date(2999, 12, 31))),
                draw(st.just("") | names),
            ),
            files=draw(file_lists),
            category=draw(st.sampled_from(["", "A", "B", "C"])),
            attributes=draw(value_lists),
            relations=relations,
        ),
        processes=tuple(process(n) for n in range(len(products))),
        related_products=tuple(
            RelatedProduct(
                p, draw(st.sampled_from(["", "RawFile"])), draw(st.just("") | names), run
            )
            for p, run in zip(products[1:], runs[1:], strict=True)
        ),
    )


@settings(max_examples=60, deadline=None)
@given(sips())
def test_what_is_written_is_read_as_the_same_value(sip: Sip) -> None:
    read = read_sip(write_sip(sip))
    assert read == sip
    # Python holds 1, 1.0 and True equal, so the types are compared as well.
    kinds = [[type(v.value) for v in s.product.attributes] for s in (read, sip)]
    assert kinds[0] == kinds[1]
    assert write_sip(read) == write_sip(sip)


@pytest.mark.parametrize("name", schemas.EXAMPLES)
def test_an_example_is_read_and_written_as_the_same_bytes(name: str) -> None:
    assert write_sip(read_sip(example(name))) == example(name)


def test_the_history_of_the_example_can_be_followed_to_the_telescope() -> None:
    images_by = FULL.process_of(FULL.product)
    assert images_by is not None
    assert images_by.duration == timedelta(minutes=24, seconds=58.5)
    raw_id = images_by.inputs[0].identifier
    raw = next(p for p in FULL.related_products if p.identifier == raw_id)
    observation = FULL.process_of(raw)
    assert observation is not None
    assert observation.kind is ProcessKind.OBSERVATION
    assert observation.telescopes == ("LST-1",)
    assert FULL.process_of(RelatedProduct(Identifier("mom", "1"))) is None
    assert replace(images_by, end=None).duration is None


def test_the_example_names_every_element_and_attribute_of_the_schema() -> None:
    written = etree.fromstring(write_sip(FULL))
    schema = etree.fromstring(schemas.SIP_SCHEMA.read_bytes())
    of_schema = {e.get("name") for e in schema.iter(XS + "element")}
    assert {etree.QName(e).localname for e in written.iter()} == of_schema
    attributes = {a.get("name") for a in schema.iter(XS + "attribute")}
    assert {name for e in written.iter() for name in e.attrib} == attributes


def test_the_example_gives_every_field_of_the_model_a_value() -> None:
    given: dict[type, set[str]] = {}
    fields: dict[type, set[str]] = {}

    def visit(value: object) -> None:
        if isinstance(value, tuple):
            for member in value:
                visit(member)
        elif dataclasses.is_dataclass(value):
            mine = given.setdefault(type(value), set())
            fields[type(value)] = {f.name for f in dataclasses.fields(value)}
            for name in fields[type(value)]:
                member = getattr(value, name)
                if member or member is False:
                    mine.add(name)
                visit(member)

    visit(FULL)
    assert given == fields
    assert len(fields) == 12


@pytest.mark.parametrize(
    ("schema_type", "words"),
    [
        ("ProcessKind", [k.value for k in ProcessKind]),
        ("RelationKind", [k.value for k in RelationKind]),
    ],
)
def test_schema_and_model_list_the_same_words(schema_type: str, words: list[str]) -> None:
    schema = etree.fromstring(schemas.SIP_SCHEMA.read_bytes())
    path = f"{XS}simpleType[@name='{schema_type}']//{XS}enumeration"
    assert [e.get("value") for e in schema.iterfind(path)] == words


@pytest.mark.parametrize("bad", ["\0", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_hold_is_refused_with_its_place(bad: str) -> None:
    with pytest.raises(BadValue, match=rf"holds U\+{ord(bad):04X} at character 4"):
        write_sip(replace(FULL, submitter="eve" + bad))
    with pytest.raises(BadValue, match="at character 1"):
        write_sip(replace(FULL, project=Project("CTA", bad)))


def test_a_line_end_and_a_tab_of_a_description_are_kept() -> None:
    sip = replace(FULL, project=Project("CTA", "one\r\ntwo\n\tthree  "))
    assert read_sip(write_sip(sip)) == sip


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(BadValue, match="does not say its zone"):
        write_sip(replace(FULL, created=datetime(2026, 1, 31)))


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    summer = timezone(timedelta(hours=2))
    document = write_sip(replace(FULL, created=datetime(2026, 7, 1, 1, 30, tzinfo=summer)))
    assert b"<created>2026-06-30T23:30:00Z</created>" in document


@pytest.mark.parametrize(
    ("value", "message"),
    [(2**63, "64 bits"), (b"bytes", "type bytes"), (None, "type NoneType")],
)
def test_a_value_that_has_no_element_is_refused(value: object, message: str) -> None:
    product = replace(FULL.product, attributes=(NamedValue("x", value),))  # type: ignore[arg-type]
    with pytest.raises(BadValue, match=message):
        write_sip(replace(FULL, product=product))


def test_a_sip_that_would_be_refused_is_not_written() -> None:
    product = replace(FULL.product, level="DL7", attributes=(NamedValue("x", float("nan")),))
    with pytest.raises(DocumentRefused) as refused:
        write_sip(replace(FULL, product=product, version="2.0"))
    assert [f.path for f in refused.value.faults] == [
        "/sip",
        "/sip/product",
        "/sip/product/attributes/real",
    ]


def test_all_faults_of_schema_and_content_are_told_at_once_in_order() -> None:
    document = example("example-observation.xml")
    for old, new in [
        (b'level="DL0"', b'level="DL9"'),
        (b'<files count="2">', b'<files count="3">'),
        (b"<size>18211<", b"<size>-1<"),
        (b"LST-1.Run20482.log", b"../etc/passwd"),
        (b"2026-01-30T22:30:00.500000Z", b"2026-01-30T21:30:00Z"),
        (b'<generatedBy source="array-control"', b'<generatedBy source="nobody"'),
    ]:
        assert document.count(old) == 1
        document = document.replace(old, new)
    faults = check_sip(document)
    assert [(f.line, f.path) for f in faults] == [
        (9, "/sip/product"),
        (11, "/sip/product/generatedBy"),
        (19, "/sip/product/files"),
        (26, "/sip/product/files/file[2]"),
        (27, "/sip/product/files/file[2]/size"),
        (35, "/sip/processes/process"),
        (40, "/sip/processes/process/end"),
    ]
    with pytest.raises(DocumentRefused) as refused:
        read_sip(document, name="night-12.xml")
    assert refused.value.faults == tuple(faults)
    assert "night-12.xml has 7 fault(s)" in str(refused.value)
    assert "line 27, /sip/product/files/file[2]/size: size is '-1'" in str(refused.value)


def test_files_that_arrived_as_announced_have_no_fault() -> None:
    measured = {f.name: f.digests for f in FULL.product.files}
    assert check_files(FULL, measured) == []


def test_every_difference_of_the_files_that_arrived_is_told() -> None:
    first = replace(FULL.product.files[0], name="a.h5", size=10)
    sip = replace(FULL, product=replace(FULL.product, files=(first, replace(first, name="b.h5"))))
    measured = {
        "a.h5": Digests(9, first.sha256, "00000001"),
        "c.h5": Digests(1, "0" * 64, "00000001"),
    }
    assert [str(f) for f in check_files(sip, measured)] == [
        "/sip/product/files/file[1]/size: a.h5 was announced with size 10, received with 9",
        "/sip/product/files/file[1]/adler32: a.h5 was announced with adler32 11e60398, "
        "received with 00000001",
        "/sip/product/files/file[2]: b.h5 was announced and not received",
        "/sip/product/files: c.h5 was received and not announced",
    ]
