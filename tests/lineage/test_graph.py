"""Ancestors, descendants and the lineage as tree, picture and PROV."""

import json
import tarfile
from uuid import UUID
from xml.etree import ElementTree

import prov.model
import pytest
from factories import (
    Exposure,
    ExposureFactory,
    Merged,
    Summed,
    SummedFactory,
    Thresholds,
)
from prov.constants import PROV_ACTIVITY, PROV_ENTITY

from awlta.errors import NotMade, Refused
from awlta.persistent import tables

SVG = "{http://www.w3.org/2000/svg}"


def commit(workspace, *products):
    """Commit products without running their recipes, all at once."""
    with workspace.unit() as unit:
        for product in products:
            unit.add(product)


def chain(n):
    """Return products each of which is made from the one before."""
    products = [Merged(number=0)]
    for number in range(1, n):
        products.append(Merged(number=number, inputs=[products[-1]]))
    return products


def diamonds(n):
    """Return layers of two products, each made from both of the layer before: 2**n paths."""
    products = [Merged(number=0)]
    layer = products[:]
    for number in range(1, n):
        layer = [Merged(number=number, inputs=layer) for _ in range(2)]
        products += layer
    return [*products, Merged(number=n, inputs=layer)]


def test_a_diamond_has_each_ancestor_once(workspace):
    exposure = ExposureFactory(make=True)
    left, right = (
        SummedFactory(exposure=exposure, thresholds=Thresholds(weight=w)) for w in (1, 2)
    )
    left.make()
    right.make()
    merged = Merged(inputs=[left, right])
    merged.make()
    found = merged.ancestors()
    assert len(found) == len(set(found)) == 5
    assert {type(o).__name__ for o in found} == {"Exposure", "Thresholds", "Summed"}
    assert exposure.descendants() == [left, right, merged]
    assert exposure.ancestors() == []
    assert merged.descendants() == []
    assert left.thresholds in found


def test_a_graph_of_as_many_paths_as_stars_is_walked_at_once(workspace):
    products = diamonds(70)
    commit(workspace, *products)
    assert len(products[-1].ancestors()) == 139
    assert len(products[0].descendants()) == len(products) - 1
    assert len(products[-1].lineage().edges) == 2 + 2 * 2 * 68 + 2


def test_two_hundred_generations_are_told(workspace):
    products = chain(200)
    commit(workspace, *products)
    last = products[-1]
    assert [o.number for o in last.ancestors()] == list(range(199))
    lines = last.lineage().tree().splitlines()
    assert len(lines) == 200
    assert lines[199].startswith("  " * 199 + "inputs: Merged number=0")
    picture = ElementTree.fromstring(last.lineage().to_svg())
    assert len(picture.findall(f"{SVG}g")) == 200


def test_what_is_not_in_sight_is_left_out_with_all_that_is_behind_it(new_workspace):
    private, public = new_workspace("ada"), new_workspace("ada", "CRAB", level=3)
    first, second, third = chain(3)
    commit(public, first)
    commit(private, second)
    commit(public, third)
    with private.use():
        assert [o.number for o in private.get(third.object_id).ancestors()] == [0, 1]
    with new_workspace("bob", "VELA").use() as bob:
        last = bob.get(third.object_id)
        assert last.ancestors() == []
        assert bob.get(first.object_id).descendants() == []
        lineage = last.lineage()
        assert second.object_id not in lineage.objects
        assert lineage.edges == ()
        assert second.object_id not in lineage.to_prov()
        assert lineage.tree().splitlines()[1:] == ["  1 hidden ancestor"]
        ElementTree.fromstring(lineage.to_svg())
        with pytest.raises(Refused):
            _ = last.inputs


def test_whoever_reads_a_product_reads_its_release_and_environment(new_workspace):
    with new_workspace("ada", "CRAB").use() as ada:
        ada.release_key()
    with new_workspace("ada", "CRAB", level=3).use():
        exposure = ExposureFactory(make=True)
    with new_workspace("bob", "VELA").use() as bob:
        lineage = bob.get(exposure.object_id).lineage()
        names = {type(o).__name__ for o in lineage.objects.values()}
        assert names == {"Exposure", "SoftwareEnvironment", "SoftwareRelease"}


def test_a_release_of_another_that_is_private_is_out_of_sight(new_workspace):
    with new_workspace("ada", "CRAB").use() as ada:
        exposure = ExposureFactory(make=True)
        with ada.database.write() as connection:
            one = tables.product.c.object_id == UUID(exposure.object_id).bytes
            connection.execute(tables.product.update().where(one).values(level=3))
            connection.execute(tables.activity.update().values(level=3))
    with new_workspace("bob", "VELA").use() as bob:
        lineage = bob.get(exposure.object_id).lineage()
        (activity,) = lineage.activities.values()
        assert {type(o).__name__ for o in lineage.objects.values()} == {"Exposure"}
        assert activity["release"] is None


def test_what_was_never_made_has_no_lineage(workspace):
    for ask in ("ancestors", "descendants", "lineage"):
        with pytest.raises(NotMade, match=r"has no lineage yet"):
            getattr(ExposureFactory(), ask)()


@pytest.fixture
def lineage(workspace):
    """The lineage of a sum of two exposures with a remark that XML cannot hold as it is."""
    one, two = ExposureFactory(n=3, make=True), ExposureFactory(n=5, make=True)
    thresholds = Thresholds(note='a<b & "c"\x08>')
    summed = Summed(exposure=one, others=[two, one], thresholds=thresholds, zero=None)
    summed.make()
    return summed.lineage()


def test_a_lineage_holds_objects_edges_and_activities(lineage):
    kinds = sorted(type(o).__name__ for o in lineage.objects.values())
    assert kinds == [
        "Exposure",
        "Exposure",
        "SoftwareEnvironment",
        "SoftwareRelease",
        "Summed",
        "Thresholds",
    ]
    assert [(e.role, e.position) for e in lineage.inputs(lineage.root)] == [
        ("exposure", 0),
        ("others", 0),
        ("others", 1),
        ("thresholds", 0),
    ]
    assert len(lineage.activities) == 3


def test_the_tree_shows_inputs_under_their_roles_once(lineage):
    lines = repr(lineage).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("Summed value=19 [")
    assert "<- Summed.make v1 on " in lines[0]
    assert lines[1].startswith("  exposure: Exposure n=3")
    assert lines[2].startswith("  others: Exposure n=5")
    assert lines[4].startswith("  thresholds: Thresholds weight=2 note=a<b & ")


def test_the_picture_is_well_formed_and_complete(lineage):
    picture = ElementTree.fromstring(lineage.to_svg())
    boxes, lines = picture.findall(f"{SVG}g"), picture.findall(f"{SVG}path")
    assert len(boxes) == 5  # everything but the environment
    assert len(lines) == 4
    titles = [box.find(f"{SVG}title").text for box in boxes]
    assert any('note=a<b & "c"?>' in title for title in titles)


def test_the_lineage_is_read_as_prov(lineage):
    text = lineage.to_prov()
    document = prov.model.ProvDocument.deserialize(content=text, format="json")
    counts = dict.fromkeys((PROV_ENTITY, PROV_ACTIVITY), 0)
    for record in document.get_records():
        if record.get_type() in counts:
            counts[record.get_type()] += 1
    assert counts == {PROV_ENTITY: 6, PROV_ACTIVITY: 3}
    plain = json.loads(text)
    assert len(plain["wasDerivedFrom"]) == 4
    assert len(plain["wasGeneratedBy"]) == 3
    assert len(plain["used"]) == 4 + 3 * 2
    assert {a["prov:label"] for a in plain["agent"].values()} == {"ada"}
    entity = plain["entity"][f"id:{lineage.root}"]
    assert entity["prov:type"]["$"] == "awlta:Summed"
    files = [e["awlta:file"] for e in plain["entity"].values() if "awlta:file" in e]
    assert len(files) == 3  # two exposures and the release


def test_the_lineage_is_plain_json(lineage):
    value = json.loads(json.dumps(lineage.to_json()))
    assert (value["root"], len(value["objects"]), len(value["inputs"])) == (lineage.root, 6, 4)
    (summed,) = [o for o in value["objects"] if o["class"] == "Summed"]
    assert summed["attributes"]["value"] == "19.0"
    assert summed["files"] == []
    (exposure, _) = [o for o in value["objects"] if o["class"] == "Exposure"]
    assert exposure["files"][0]["role"] == "data"


def test_the_release_is_stored_with_its_sources(workspace, tmp_path):
    exposure = ExposureFactory(make=True)
    activity = exposure.lineage().activities[exposure.object_id]
    release = workspace.get(activity["release"])
    path = release.retrieve(tmp_path)
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert "awlta/errors.py" in names
    assert "awlta/kernels/images/_clean.pyx" in names
    assert len(Exposure.select_all()) == 1


def test_files_of_products_that_came_together_are_read_together(
    workspace, new_workspace, statements
):
    for _ in range(4):
        ExposureFactory(make=True)
    with new_workspace("ada").use():
        products = Exposure.select_all().all()
        statements.clear()
        assert [len(p.files) for p in products] == [1, 1, 1, 1]
        assert len(statements) == 1
