from __future__ import annotations

import copy
import json
from contextlib import suppress

import pytest
from dpu_trial.trial import TrialCounts, TrialSum, TrialWeights
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue, NotMade
from awlta.lineage import DataProduct
from awlta.persistent import Attribute, new_object_id, persistent
from awlta.persistent.context import Context
from awlta.processing import WorkOrder
from awlta.processing.orders import order_for, unstored_inputs

ADA = Context("ada", "TRIAL", 2, home=0, owner_key=1, project_key=2)


class TrialIngested(DataProduct):
    """A product that is ingested, not made."""

    n: Attribute[int] = persistent("some number")


def order():
    return order_for(TrialCounts(n=5), ADA)


def test_an_order_holds_ids_and_a_code_identity():
    product = TrialCounts(n=5)
    told = order_for(product, ADA).to_json()
    assert sorted(told) == ["level", "order_id", "pinned", "product", "project", "recipe", "user"]
    assert told["product"] == {
        "object_id": product.object_id,
        "class": "TrialCounts",
        "attributes": {"category": "B", "n": 5, "label": ""},
        "links": {},
    }
    assert told["recipe"]["digest"] == TrialCounts.__recipe__.identity.digest
    assert (told["user"], told["project"], told["level"]) == ("ada", "TRIAL", 2)


def test_an_order_survives_json():
    one = order()
    assert WorkOrder.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_every_order_has_an_id_of_its_own():
    product = TrialCounts(n=5)
    assert order_for(product, ADA).order_id != order_for(product, ADA).order_id


def test_what_a_recipe_works_out_is_not_ordered():
    product = TrialCounts(n=5)
    product.largest = 4
    assert "largest" not in order_for(product, ADA).product.attributes


def test_a_product_without_a_recipe_is_not_ordered():
    with pytest.raises(NotMade, match="has no recipe"):
        order_for(TrialIngested(n=1), ADA)


def test_parameters_are_not_ordered():
    with pytest.raises(BadValue, match="is no data product"):
        order_for(TrialWeights(), ADA)


def test_new_parameters_are_found_and_unmade_products_refused():
    weights = TrialWeights(weight=4.0)
    made, unmade = TrialCounts(n=1), TrialCounts(n=1)
    made.__dict__["_store"] = None
    assert list(unstored_inputs([TrialSum(counts=made, weights=weights)])) == [weights]
    with pytest.raises(NotMade, match="never made"):
        list(unstored_inputs([TrialSum(counts=unmade, weights=weights)]))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["order_id"], "../../etc", "no object_id"),
        (["order_id"], 5, "no object_id"),
        (["product"], None, "no object record"),
        (["product", "object_id"], "x", "no object_id"),
        (["product", "links"], {"raw": "y"}, "no object record"),
        (["product", "links"], {"raw": ["y"]}, "'raw' links 'y' is no object_id"),
        (["product", "attributes", "category"], "D", "category"),
        (["recipe"], 7, "no work order"),
        (["recipe", "digest"], "abc", "recipe.digest"),
        (["recipe", "version"], "1\n", "recipe.version"),
        (["user"], "ada; drop", "user name"),
        (["user"], ["ada"], "user"),
        (["project"], "", "project name"),
        (["level"], 9, "privileges = 9"),
        (["level"], True, "level = True"),
        (["level"], "2", "level = '2'"),
        (["pinned"], "DR1", "no object_id"),
    ],
)
def test_a_malformed_order_is_refused_with_its_place(path, value, words):
    told = copy.deepcopy(order().to_json())
    place = told
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(BadValue, match=words):
        WorkOrder.from_json(told)


@pytest.mark.parametrize("name", ["order_id", "product", "recipe", "user", "project", "level"])
def test_an_order_that_lacks_something_is_refused(name):
    told = order().to_json()
    del told[name]
    with pytest.raises(BadValue, match=name):
        WorkOrder.from_json(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_no_json_makes_more_than_a_bad_value(value):
    with pytest.raises(BadValue):
        WorkOrder.from_json(value)


@given(
    name=st.sampled_from(["order_id", "product", "recipe", "user", "project", "level"]), value=JSON
)
def test_no_json_in_a_field_makes_more_than_a_bad_value(name, value):
    one = WorkOrder.from_json(
        {
            "order_id": new_object_id(),
            "product": {
                "object_id": new_object_id(),
                "class": "X",
                "attributes": {"category": "A"},
                "links": {},
            },
            "recipe": {"version": "1", "digest": "0" * 64},
            "user": "ada",
            "project": "TRIAL",
            "level": 1,
        }
    )
    told = {**one.to_json(), name: value}
    with suppress(BadValue):
        assert WorkOrder.from_json(told).to_json() == told
