"""Records and orders by which a product is made again, and differences that are told."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from factories import DishFactory, SummedFactory, Thresholds

from awlta.errors import BadInput, Refused
from awlta.lineage.reproduction import comparison, recorded
from awlta.lineage.reproduction.order import Order


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_record_holds_all_that_links_lead_to_with_its_standing(workspace):
    dish = DishFactory()
    workspace.commit(dish)
    summed = SummedFactory(exposure__n=5, thresholds=Thresholds(weight=3.0), remark=dish)
    summed.make()
    workspace.judge(summed.exposure, 0, "fog")
    record = recorded.read(workspace, summed)
    assert record.order.product.attributes == {"category": "B"}
    given = {g.record.class_name: g for g in record.order.objects}
    assert set(given) == {"Exposure", "Thresholds", "Dish"}
    assert given["Exposure"].record.attributes["n"] == 5
    assert [f.role for f in given["Exposure"].files] == ["data"]
    assert given["Exposure"].standing == {"is_valid": 1, "quality_flags": 0}
    assert given["Thresholds"].record.attributes["weight"] == "3.0"
    assert given["Dish"].record.links == {}  # it is no input: what it links is not followed
    assert record.order.names == given["Exposure"].names == ("ada", "CRAB", 1)
    assert Order.from_json(json.loads(json.dumps(record.order.to_json()))) == record.order
    owner, file = record.owner_of(summed.exposure.file().name)
    assert (owner, file) == (summed.exposure, summed.exposure.file())
    with pytest.raises(Refused, match="asked for other"):
        record.owner_of("other.h5")


@pytest.mark.parametrize("value", [{"format": 2}, {}, [], {"format": 1}])
def test_an_order_of_another_format_is_refused(value):
    with pytest.raises(BadInput, match="order"):
        Order.from_json(value)


def test_differences_of_arrays_count_values_and_take_no_nan_for_one():
    old = np.array([1.0, np.nan, 3.0, 4.0])
    new = np.array([1.0, np.nan, 3.5, np.nan])
    assert list(comparison.of_arrays("x", old, old.copy())) == []
    assert list(comparison.of_arrays("x", old, new)) == [
        "x: 2 of 4 values differ, largest difference 0.5, first in row 2"
    ]
    assert list(comparison.of_arrays("x", old, new[:3])) == [
        "x: (4,) of float64 recorded, (3,) of float64 made again"
    ]
    flags = np.array([True, False])
    assert list(comparison.of_arrays("b", flags, ~flags)) == [
        "b: 2 of 2 values differ, largest difference 1, first in row 0"
    ]


def test_differences_of_two_files_name_groups_headers_and_datasets(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as a, h5py.File(tmp_path / "b.h5", "w") as b:
        a["only/here"] = 1
        a["text"], b["text"] = ["x", "y"], ["x", "z"]
        a["scalar"], b["scalar"] = 3, 5
        a["same"], b["same"] = [1, 2], [1, 2]
        a.attrs["n"], b.attrs["n"] = 1, 2
    assert comparison.of_files("data", tmp_path / "a.h5", tmp_path / "b.h5") == [
        "data, /, n: 1 recorded, 2 made again",
        "data, only: only recorded",
        "data, only/here: only recorded",
        "data, scalar: 1 of 1 values differ, largest difference 2, first in row 0",
        "data, text: 1 of 2 values differ, first in row 1",
    ]


def test_differences_of_two_fits_files_name_hdus_keywords_and_columns(tmp_path):
    from astropy.io import fits

    for name, count, exposure in (("a", 5, 10.0), ("b", 6, 20.0)):
        table = fits.BinTableHDU(
            np.array([(1, count)], [("EVENT", "i4"), ("N", "i4")]), name="EVENTS"
        )
        table.header["EXPOSURE"] = exposure
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / f"{name}.fits")
    assert comparison.of_files("data", tmp_path / "a.fits", tmp_path / "b.fits") == [
        "data, HDU EVENTS, EXPOSURE: 10.0 recorded, 20.0 made again",
        "data, HDU EVENTS.N: 1 of 1 values differ, largest difference 1, first in row 0",
    ]
