import re
import shutil
import subprocess
import sys
from os.path import normpath
from pathlib import Path

import pytest

import awlta.kernels
from awlta.errors import BadValue
from awlta.kernels import flags, identity, source_digest

PACKAGE = Path(awlta.kernels.__file__).parent


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The sources in a place of their own, where they may be changed."""
    shutil.copytree(PACKAGE, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(identity, "__file__", str(tmp_path / "identity.py"))
    return tmp_path


def test_the_digest_is_of_the_stages_and_not_of_their_order():
    assert source_digest("gain", "clean") == source_digest("clean", "gain", "gain")
    assert source_digest("gain") != source_digest("clean")
    assert source_digest() == source_digest(*flags.STAGES)
    assert re.fullmatch("[0-9a-f]{64}", source_digest())


def test_a_changed_source_changes_the_digest_of_the_stages_it_serves(copy):
    before = {stage: source_digest(stage) for stage in flags.STAGES}
    with open(copy / "images" / "_islands.pxd", "a") as source:
        source.write("\n")
    changed = {stage for stage in flags.STAGES if source_digest(stage) != before[stage]}
    assert changed == {"extract", "clean", "reduction", "parameters", "chain"}


def test_other_flags_are_other_kernels(monkeypatch):
    before = source_digest()
    monkeypatch.setattr(identity, "COMPILE_ARGS", (*flags.COMPILE_ARGS, "-march=x86-64-v3"))
    assert source_digest() != before


def test_a_stage_that_does_not_exist_is_refused():
    with pytest.raises(BadValue, match="'clear'"):
        source_digest("clear")


def headers_of(name):
    """Return the files that a source takes in, and that those take in."""
    text = (PACKAGE / name).read_text()
    modules = re.findall(r"awlta\.kernels\.([\w.]+) cimport", text)
    found = {m.replace(".", "/") + ".pxd" for m in modules}
    included = re.findall(r'(?:extern from|#include) "([\w./]+\.h)"', text)
    found |= {normpath(Path(name).parent / header) for header in included}
    return found.union(*(headers_of(header) for header in found))


def test_every_stage_names_the_headers_that_it_uses():
    for stage, files in flags.STAGES.items():
        assert headers_of(files[0]) == {f for f in files[1:] if not f.endswith(".py")}, stage


def test_every_compiled_source_is_a_stage():
    sources = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.pyx")}
    assert sources == {files[0] for files in flags.STAGES.values()}


def test_every_module_that_decides_numbers_is_in_a_stage():
    """What is computed in NumPy counts as much as what is compiled."""
    others = {"__init__.py", "checks.py", "flags.py", "identity.py", "instructions.py"}
    modules = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path.name not in others and "reference" not in path.parts
    }
    assert modules == {f for files in flags.STAGES.values() for f in files if f.endswith(".py")}


def test_the_flags_keep_the_order_of_sums():
    assert not {"-ffast-math", "-Ofast", "-funsafe-math-optimizations"} & set(flags.COMPILE_ARGS)
    assert "-ffp-contract=off" in flags.COMPILE_ARGS


def test_the_kernels_are_imported_without_heavy_libraries():
    program = "import sys, awlta.kernels; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "awlta.kernels.images._parameters" in loaded
    assert not {"scipy", "astropy", "sqlalchemy", "h5py", "numba"} & set(loaded)
