"""Files of many products: as many statements for a thousand as for one."""

import logging
from urllib.request import Request, urlopen

import pytest
from factories import Exposure, ExposureFactory, Merged, SummedFactory

from awlta.lineage import DataProduct, Replica
from awlta.persistent.engine.identities import Identities


@pytest.fixture
def products(workspace):
    """Three exposures with a file each, a sum without."""
    made = [ExposureFactory(n=n, make=True) for n in (1, 2, 3)]
    SummedFactory(exposure=made[0]).make()
    return made


def test_the_files_of_all_products_come_in_one_statement(products, caplog):
    caplog.set_level(logging.DEBUG, logger="awlta.sql")
    caplog.clear()
    found = Exposure.select_all().order_by("n").files()
    statements = [r for r in caplog.records if r.name == "awlta.sql"]
    assert len([s for s in statements if " file " in s.getMessage()]) == 1
    assert [(product, record.role) for product, record in found] == [(p, "data") for p in products]
    assert [record for _, record in found] == [p.file() for p in products]


def test_files_of_a_condition_and_of_a_part_are_those_of_its_products(products):
    assert [p.n for p, _ in (Exposure.n > 1).order_by("-n").files()] == [3, 2]
    assert [p.n for p, _ in Exposure.select_all().order_by("n").limit(2).files()] == [1, 2]
    assert (Exposure.n > 99).files() == []
    assert {type(p).__name__ for p, _ in DataProduct.select_all().files()} == {
        "Exposure",
        "SoftwareRelease",
    }


def test_a_product_knows_its_files_from_then_on(products, workspace, caplog):
    workspace._objects = Identities()
    found = Exposure.select_all().files()
    caplog.set_level(logging.DEBUG, logger="awlta.sql")
    caplog.clear()
    assert [p.files for p, _ in found] == [(record,) for _, record in found]
    assert not [r for r in caplog.records if r.name == "awlta.sql"]


def test_the_best_replica_can_be_had_from_its_address(products, workspace):
    replicas = Exposure.select_all().order_by("n").best_replica()
    assert [r.product for r in replicas] == products
    for replica in replicas:
        assert isinstance(replica, Replica)
        request = Request(
            replica.url, headers={"Authorization": f"Bearer {workspace.profile.token}"}
        )
        with urlopen(request) as answer:
            assert len(answer.read()) == replica.file.size


def test_a_product_without_a_file_has_no_replica(workspace):
    Merged(number=1).make()
    assert len(Merged.select_all()) == 1
    assert Merged.select_all().best_replica() == []
