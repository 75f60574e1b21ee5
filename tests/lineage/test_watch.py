"""A recipe reaches what it links, and nothing else: every other way is refused."""

import contextlib
import os
import socket
import sqlite3
import sys
import tempfile
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from factories import (
    Dish,
    DishFactory,
    Exposure,
    ExposureFactory,
    Merged,
    Summed,
    SummedFactory,
    Thresholds,
)

from awlta.errors import RecipeFailed, UndeclaredInput
from awlta.lineage import DataProduct, recipe
from awlta.persistent import Attribute, Link, current_store, link, persistent, reference
from awlta.persistent.watches import pause

OUTSIDE = {}
"""What the recipes below reach for although they do not link it."""


class Nosy(DataProduct):
    """A product whose recipe goes a way of its own."""

    source: Link[Exposure] = link("exposure")
    dish: Link[Dish] = link("dish")
    talk: Link[Dish] = reference("dish that was talked about")
    way: Attribute[str] = persistent("way that it goes")

    @recipe
    def make(self):
        """Go the way."""
        OUTSIDE["got"] = OUTSIDE["way"](self)


def wrapped(product):
    """Reach out as a library does that turns every error into its own."""
    try:
        OUTSIDE["file"].read_text()
    except Exception as error:
        raise RuntimeError("could not load") from error


def wrapped_without_cause(product):
    try:
        OUTSIDE["file"].read_text()
    except Exception:  # noqa: BLE001  # what careless libraries do
        raise RuntimeError("could not load") from None


def in_a_thread(product):
    def work():
        try:
            OUTSIDE["file"].read_text()
        except UndeclaredInput as error:
            caught.append(error)

    caught = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    raise caught[0]


def by_a_link(product):
    here = product.create(".txt")
    here.symlink_to(OUTSIDE["file"])
    return here.read_text()


def by_a_socket(product):
    with socket.socket() as line:
        line.connect(("127.0.0.1", 1))


def beside_a_pause(product):
    """Another thread's transport does not open the way for this one."""
    begun, done = threading.Event(), threading.Event()

    def transport():
        with pause():
            begun.set()
            done.wait(10)

    thread = threading.Thread(target=transport)
    thread.start()
    begun.wait(10)
    try:
        OUTSIDE["file"].read_text()
    finally:
        done.set()
        thread.join()


WAYS = {
    "attribute of an unlinked product": lambda p: OUTSIDE["product"].total,
    "identity of an unlinked product": lambda p: OUTSIDE["product"].object_id,
    "verdict on an unlinked product": lambda p: OUTSIDE["product"].is_valid,
    "link of an unlinked product": lambda p: OUTSIDE["summed"].exposure,
    "links of an unlinked product": lambda p: OUTSIDE["summed"].linked(),
    "parameters of an unlinked product": lambda p: OUTSIDE["thresholds"].values(),
    "attribute of what is only a reference": lambda p: p.talk.name,
    "list of products": lambda p: Exposure.select_all().all(),
    "number of products": lambda p: len(Exposure.n == 3),
    "first product": lambda p: (Exposure.n == 3).first(),
    "values of products": lambda p: Exposure.select_all().values("n"),
    "product by its id": lambda p: current_store().get(OUTSIDE["id"]).total,
    "target": lambda p: Merged.get_target(),
    "ancestors": lambda p: p.source.ancestors(),
    "descendants": lambda p: p.source.descendants(),
    "lineage": lambda p: p.source.lineage(),
    "currency": lambda p: p.source.uptodate(),
    "file of an unlinked product": lambda p: OUTSIDE["product"].retrieve(),
    "file records of an unlinked product": lambda p: OUTSIDE["product"].files,
    "open": lambda p: open(OUTSIDE["file"]),  # noqa: SIM115
    "open to write": lambda p: open(OUTSIDE["folder"] / "new", "w"),  # noqa: SIM115
    "open by a path": lambda p: OUTSIDE["file"].read_text(),
    "open by the system": lambda p: os.open(OUTSIDE["file"], os.O_RDONLY),
    "open by a way round": lambda p: (Path(tempfile.gettempdir()) / ".." / "x").read_text(),
    "open by a link": by_a_link,
    "numpy": lambda p: np.load(OUTSIDE["file"]),
    "numpy, mapped": lambda p: np.memmap(OUTSIDE["file"]),
    "h5py": lambda p: h5py.File(OUTSIDE["file"]),
    "h5py to write": lambda p: h5py.File(OUTSIDE["folder"] / "new.h5", "w"),
    "FITS": lambda p: fits.open(OUTSIDE["file"]),
    "sqlite3": lambda p: sqlite3.connect(OUTSIDE["folder"] / "some.db"),
    "our own database": lambda p: sqlite3.connect(OUTSIDE["database"]),
    "socket": by_a_socket,
    "error of a library": wrapped,
    "error of a library without its cause": wrapped_without_cause,
    "thread": in_a_thread,
    "thread beside one of our own": beside_a_pause,
}


def through_a_file_of_its_own(product):
    path = product.create(".txt")
    path.write_text("text")
    with tempfile.NamedTemporaryFile("w+") as file, open(os.devnull, "w") as nothing:
        nothing.write("x")
        file.write(path.read_text())
        file.seek(0)
        return file.read()


def linked_file(product):
    with h5py.File(product.source.retrieve()) as file:
        again = product.source.retrieve()
        return len(file["counts"]), again.parent == Path(tempfile.gettempdir())


def swallowed(product):
    with contextlib.suppress(UndeclaredInput):
        return open(OUTSIDE["file"]).read()
    return "nothing"


ALLOWED = {
    "what is linked": lambda p: (p.source.total, p.dish.sensor.name, p.source.is_valid),
    "a linked file": linked_file,
    "a linked file, elsewhere": lambda p: p.source.retrieve(OUTSIDE["folder"]).name,
    "files of its own": through_a_file_of_its_own,
    "an object of its own": lambda p: Thresholds(weight=3).weight,
    "the record of a linked file": lambda p: p.source.files[0].size,
    "code": lambda p: __import__("colorsys").__name__,
    "data of an installed package": lambda p: Path(np.__file__).read_text()[:3],
    "the name of a file": lambda p: os.path.exists(OUTSIDE["file"]),
    "nothing, where the refusal is swallowed": swallowed,
}


@pytest.fixture
def nosy(workspace, tmp_path):
    """Return a function that makes a product by one way."""
    sys.modules.pop("colorsys", None)
    (tmp_path / "secret").write_text("secret")
    summed = SummedFactory(exposure=ExposureFactory(n=9, make=True))
    summed.make()
    OUTSIDE.update(
        product=summed.exposure,
        id=summed.exposure.object_id,
        summed=summed,
        thresholds=summed.thresholds,
        file=tmp_path / "secret",
        folder=tmp_path,
        database=workspace.database.engine.url.database,
        got=None,
    )
    workspace.commit(dish := DishFactory(), talk := DishFactory())
    source = ExposureFactory(make=True)

    def go(way):
        OUTSIDE["way"] = (WAYS | ALLOWED)[way]
        product = Nosy(source=source, dish=dish, talk=talk, way=way)
        product.make()
        return OUTSIDE["got"]

    return go


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_linked_is_out_of_reach(nosy, way):
    with pytest.raises(UndeclaredInput, match=r"The recipe of .*Nosy.*Expected: "):
        nosy(way)
    assert OUTSIDE["got"] is None
    assert len(Nosy.select_all()) == 0


@pytest.mark.parametrize("way", ALLOWED)
def test_what_is_linked_or_its_own_is_in_reach(nosy, way):
    assert nosy(way) not in (None, "secret")
    assert len(Nosy.select_all()) == 1


def test_after_a_recipe_everything_is_in_reach_again(nosy, tmp_path):
    with pytest.raises(UndeclaredInput):
        nosy("open")
    assert (tmp_path / "secret").read_text() == "secret"
    assert OUTSIDE["product"].total == 36


def test_older_threads_are_not_watched(nosy, tmp_path):
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            seen.append((tmp_path / "secret").read_text())

    thread = threading.Thread(target=read)
    thread.start()
    nosy("a linked file")
    stop.set()
    thread.join()
    assert set(seen) == {"secret"}


def test_a_link_that_is_deleted_makes_the_recipe_fail(workspace):
    """The text of Summed without its link to the exposure cannot tell a lie."""
    forgetful = type(
        "Forgetful",
        (DataProduct,),
        {
            "__annotations__": {"thresholds": Link[Thresholds], "value": Attribute[float]},
            "thresholds": link("how to sum"),
            "value": persistent("weighted sum", init=False),
            "make": recipe(Summed.__recipe__.function),
        },
    )
    with pytest.raises(RecipeFailed, match=r"has no attribute 'exposure'"):
        forgetful(thresholds=Thresholds()).make()
