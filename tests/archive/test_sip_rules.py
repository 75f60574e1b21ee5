"""Each rule of content refuses what breaks it and names the line."""

from dataclasses import replace
from importlib.resources import files

import pytest

from awlta.archive.sip import (
    MAX_FAULTS,
    Identifier,
    ProcessInput,
    RelatedProduct,
    check_sip,
    read_sip,
    write_sip,
)
from awlta.errors import DocumentFault, DocumentRefused

PIPELINE = files("awlta.schemas").joinpath("example-pipeline.xml").read_text()

RAW = "019c10a4-5d00-7c3e-8a11-0242ac120002"
IMAGES = "019c1764-9e2a-7d41-9b03-5f2b8a6c0e11"
CALIBRATION = "019c1502-4b7f-7e90-a2d4-6c1f0e8b3d57"


def edited(old: str, new: str, document: str = PIPELINE) -> str:
    assert document.count(old) == 1, f"{old} stands {document.count(old)} times"
    return document.replace(old, new)


def faults(document: str) -> list[DocumentFault]:
    return check_sip(document.encode())


def the_fault(document: str, at: str) -> str:
    """Return the message of the one fault, which is on the line that holds a text."""
    (fault,) = faults(document)
    assert fault.line is not None
    assert at in document.splitlines()[fault.line - 1]
    return fault.message


def test_the_example_that_the_tests_edit_has_no_fault() -> None:
    assert faults(PIPELINE) == []


@pytest.mark.parametrize(
    ("container", "true", "told"),
    [
        ("attributes", 5, 4),
        ("files", 1, 2),
        ("processes", 3, 0),
        ("telescopes", 1, 12),
        ("relatedProducts", 2, 1),
    ],
)
def test_a_count_that_is_not_true_is_refused(container: str, true: int, told: int) -> None:
    document = edited(f'<{container} count="{true}">', f'<{container} count="{told}">')
    message = the_fault(document, at=f"<{container}")
    assert message == f"count is {told}, but {true} are listed"


def test_two_files_of_one_name_are_refused() -> None:
    start, end = PIPELINE.index("      <file name"), PIPELINE.index("    </files>")
    twice = edited("    </files>", PIPELINE[start:end] + "    </files>")
    document = edited('<files count="1">', '<files count="2">', twice)
    (fault,) = faults(document)
    assert (fault.line, fault.path) == (30, "/sip/product/files/file[2]")
    assert fault.message == f"the name 'CameraImages.{IMAGES}.h5' stands on line 23 already"


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ('<integer name="n_events"', '<integer name="target"', 16),
        ('name="boundary"', 'name="picture"', 43),
    ],
)
def test_two_values_of_one_name_are_refused(old: str, new: str, first: int) -> None:
    (fault,) = faults(edited(old, new))
    assert f"stands on line {first} already" in fault.message


def test_two_products_of_one_identifier_are_refused() -> None:
    repeated = f'<relatedProduct><identifier source="awlta" value="{RAW}"/></relatedProduct>'
    document = edited("  </relatedProducts>", f"{repeated}\n  </relatedProducts>")
    document = edited('<relatedProducts count="2">', '<relatedProducts count="3">', document)
    assert the_fault(document, at=repeated) == f"awlta:{RAW} is described on line 74 already"


def test_a_process_with_the_identifier_of_a_product_is_refused() -> None:
    document = PIPELINE.replace("activity-7731", IMAGES)
    assert the_fault(document, at=IMAGES) == f"awlta:{IMAGES} is described on line 12 already"


def test_the_same_value_of_another_source_is_another_identifier() -> None:
    other = f'<relatedProduct><identifier source="mirror" value="{RAW}"/></relatedProduct>'
    document = edited("  </relatedProducts>", f"{other}\n  </relatedProducts>")
    assert (
        faults(edited('<relatedProducts count="2">', '<relatedProducts count="3">', document)) == []
    )


def test_a_malformed_object_id_is_refused_wherever_our_products_are_named() -> None:
    found = faults(PIPELINE.replace(RAW, RAW.upper()))
    assert [f.path.rsplit("/", 1)[1] for f in found] == [
        "input[1]",
        "input",
        "identifier",
        "relation",
    ]
    assert all("is no object_id" in f.message for f in found)


def test_an_identifier_of_another_system_needs_no_uuid() -> None:
    assert faults(PIPELINE.replace(f'"awlta" value="{RAW}"', '"mom" value="L627654"')) == []


def test_a_product_made_by_a_process_that_is_not_described_is_refused() -> None:
    maker = '<generatedBy source="array-control" value="obs-20482"/>'
    found = faults(edited(maker, maker.replace("20482", "20483")))
    assert [(f.line, f.message) for f in found] == [
        (62, "the process array-control:obs-20482 made no product of this document"),
        (75, "the process array-control:obs-20483 is not described in this document"),
    ]


def test_two_processes_that_made_one_product_are_refused() -> None:
    maker = '<generatedBy source="awlta" value="activity-7731"/>'
    second = '<generatedBy source="array-control" value="obs-20482"/>'
    document = edited(maker, f"{maker}\n    {second}")
    (fault,) = faults(document)
    assert (fault.line, fault.path) == (14, "/sip/product/generatedBy[2]")
    assert "Unexpected child with tag 'generatedBy'" in fault.message


def test_an_input_that_is_not_described_is_refused_unless_declared_external() -> None:
    document = edited('role="geometry" external="true"', 'role="geometry"')
    assert the_fault(document, at="camera-geometry-12") == (
        "the product array-control:camera-geometry-12 is neither a relatedProduct "
        "nor declared external"
    )


def test_an_input_that_is_declared_external_and_described_is_refused() -> None:
    document = edited('role="raw"', 'role="raw" external="true"')
    message = the_fault(document, at='role="raw"')
    assert message.endswith("is declared external, but described on line 73")


def test_a_relation_to_a_product_that_is_not_described_is_refused() -> None:
    document = edited('kind="supersedes" external="true"', 'kind="supersedes"')
    assert "is neither a relatedProduct nor" in the_fault(document, at="supersedes")


def test_an_input_listed_twice_in_one_role_is_refused() -> None:
    document = edited(f'value="{CALIBRATION}" role="calibration"', f'value="{RAW}" role="raw"')
    assert "in the same role on line 47 already" in the_fault(document, at='role="raw"')


def test_an_input_in_two_roles_is_accepted() -> None:
    document = edited(f'value="{CALIBRATION}" role="calibration"', f'value="{RAW}" role="dark"')
    assert faults(document) == []


def test_a_product_that_is_an_input_of_its_own_process_is_refused() -> None:
    document = edited(f'value="{RAW}" role="raw"', f'value="{IMAGES}" role="raw"')
    message = the_fault(document, at='role="raw"')
    assert message == f"a product is made from itself: awlta:{IMAGES}, awlta:{IMAGES}"


def test_a_circle_over_two_processes_is_refused() -> None:
    document = edited(f'value="{RAW}"/>\n      </inputs>', f'value="{IMAGES}"/>\n      </inputs>')
    message = the_fault(document, at=f'<input source="awlta" value="{IMAGES}"')
    assert message == (
        f"a product is made from itself: awlta:{IMAGES}, awlta:{CALIBRATION}, awlta:{IMAGES}"
    )


def test_a_derivation_that_closes_a_circle_is_refused() -> None:
    relation = f'<relation source="awlta" value="{RAW}" kind='
    closing = f'<relation source="awlta" value="{IMAGES}" kind='
    document = edited(f'{relation}"calibrates"', f'{closing}"wasDerivedFrom"')
    assert "is made from itself" in the_fault(document, at="wasDerivedFrom")
    assert faults(edited(f'{relation}"calibrates"', f'{closing}"calibrates"')) == []


def test_a_product_that_supersedes_its_successor_is_refused() -> None:
    old = '019bf1d2-33c0-7aa0-8c55-0d9e4f7b2a10" kind="supersedes" external="true"'
    document = edited(old, f'{CALIBRATION}" kind="supersedes"')
    assert faults(document) == []
    back = edited(
        f'value="{RAW}" kind="calibrates"', f'value="{IMAGES}" kind="supersedes"', document
    )
    assert "supersedes itself" in the_fault(back, at=f'value="{IMAGES}" kind="supersedes"')


def test_a_diamond_is_no_circle() -> None:
    # The images use raw data and a calibration that was made from the same raw data.
    assert PIPELINE.count(f'<input source="awlta" value="{RAW}"') == 2
    assert faults(PIPELINE) == []


def test_an_end_before_the_start_is_refused() -> None:
    document = edited("<end>2026-01-31T18:02:10Z", "<end>2026-01-31T17:59:59.5Z")
    assert the_fault(document, at="<end>2026-01-31T17") == (
        "the end 2026-01-31T17:59:59.5Z comes before the start 2026-01-31T18:00:00Z"
    )


def test_an_end_at_the_start_is_accepted() -> None:
    assert faults(edited("<end>2026-01-31T18:02:10Z", "<end>2026-01-31T18:00:00Z")) == []


def test_a_number_too_large_to_be_held_is_refused_instead_of_read_as_infinite() -> None:
    document = edited(">1184.25<", ">1e999<")
    assert the_fault(document, at="1e999") == "1e999 is beyond what 64 bits hold"
    sip = read_sip(edited(">1184.25<", ">-INF<").encode())
    assert sip.product.attributes[1].value == float("-inf")


def test_a_pipeline_without_version_is_refused_and_an_observation_is_not() -> None:
    document = edited("      <version>0.9.4</version>\n", "")
    assert the_fault(document, at='<process kind="pipeline">') == (
        "a pipeline must name the version of its software"
    )
    assert "wobble observation</name>\n      <start>" in PIPELINE


def test_a_history_of_thousands_of_steps_is_told_and_its_circle_found() -> None:
    sip = read_sip(PIPELINE.encode())
    run = sip.processes[0]
    chain = [Identifier("step", str(n)) for n in range(1500)]
    processes = tuple(
        replace(
            run, identifier=Identifier("run", str(n)), parameters=(), inputs=(ProcessInput(used),)
        )
        for n, used in enumerate(chain)
    )
    related = tuple(
        RelatedProduct(step, process=made.identifier)
        for step, made in zip(chain, processes[1:], strict=False)
    )
    product = replace(sip.product, process=processes[0].identifier)
    long = replace(
        sip,
        product=product,
        processes=processes,
        related_products=(*related, RelatedProduct(chain[-1])),
    )
    document = write_sip(long)
    assert read_sip(document) == long
    back = replace(processes[-1], inputs=(ProcessInput(chain[0]),))
    with pytest.raises(DocumentRefused) as refused:
        write_sip(replace(long, processes=(*processes[:-1], back)))
    (fault,) = refused.value.faults
    assert fault.message == (
        "a product is made from itself: step:0, step:1, step:2, …, step:1498, step:0"
    )


def test_more_faults_than_are_told_end_in_a_word_that_says_so() -> None:
    inputs = "\n".join(f'<input source="mom" value="{n}"/>' for n in range(250))
    line = f'        <input source="awlta" value="{RAW}"/>'
    document = edited(f"{line}\n      </inputs>", f"{inputs}\n      </inputs>")
    document = document.replace('<inputs count="1">', '<inputs count="250">')
    found = faults(document)
    assert len(found) == MAX_FAULTS + 1
    assert found[-1].message == "more faults follow; mend these first"
