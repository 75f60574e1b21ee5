"""The archive of a release: equal bytes, whole or refused, enough to be built and installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from importlib import import_module
from pathlib import Path

import pytest

from awlta.errors import DigestMismatch, Refused
from awlta.lineage.recipes.packages import load_recipes
from awlta.lineage.recipes.sources import Release, digest_of, running_release, unpack
from awlta.lineage.reproduction import fresh


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive of the release that runs here."""
    release = running_release(("awlta", *(p.__name__ for p in load_recipes())))
    path = tmp_path_factory.mktemp("release") / "release.tar"
    release.write_archive(path)
    return release, path


def test_a_release_of_equal_sources_is_equal_bytes_and_can_be_built(archive, tmp_path):
    release, path = archive
    release.write_archive(tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == path.read_bytes()
    roots = unpack(path, tmp_path / "here", release.version, release.digest)
    assert {"awlta", "awlta_recipes"} <= set(roots)
    for name in ("setup.py", "pyproject.toml", "awlta/schemas/sip-1.0.xsd"):
        assert (tmp_path / "here" / name).is_file()


def test_a_source_that_is_edited_later_is_in_the_archive_as_it_ran(tmp_path, monkeypatch):
    module = tmp_path / "edited_recipes" / "__init__.py"
    module.parent.mkdir()
    module.write_text("LIMIT = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import_module("edited_recipes")
    release = running_release(("edited_recipes",))
    del sys.modules["edited_recipes"]
    module.write_text("LIMIT = 2\n")
    release.write_archive(tmp_path / "release.tar")
    unpack(tmp_path / "release.tar", tmp_path / "here", release.version, release.digest)
    assert (tmp_path / "here/edited_recipes/__init__.py").read_text() == "LIMIT = 1\n"


def test_a_release_without_a_setup_gets_one(archive, tmp_path):
    release, path = archive
    old = tmp_path / "old.tar"
    with tarfile.open(path) as whole, tarfile.open(old, "w") as part:
        members = [m for m in whole.getmembers() if "/" in m.name]
        digest = digest_of((m.name, whole.extractfile(m).read()) for m in members)
        for member in members:
            part.addfile(member, whole.extractfile(member))
    unpack(old, tmp_path / "here", release.version, digest)
    assert "awlta.kernels" in (tmp_path / "here" / "setup.py").read_text()


@pytest.mark.parametrize("place", [b"pyproject.toml", b"cythonize", b"class Release"])
def test_an_archive_of_other_bytes_is_refused(archive, tmp_path, place):
    release, path = archive
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(place)] ^= 0xFF
    (tmp_path / "damaged.tar").write_bytes(damaged)
    with pytest.raises(DigestMismatch):
        unpack(tmp_path / "damaged.tar", tmp_path / "here", release.version, release.digest)
    assert not (tmp_path / "here").exists()


def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "evil.py").write_text("")
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.add(tmp_path / "evil.py", "awlta/../../evil.py")
    with pytest.raises(DigestMismatch):
        unpack(tmp_path / "evil.tar", tmp_path / "here", "0", "0" * 64)


def test_a_release_from_before_orders_is_refused_with_its_version(tmp_path):
    archive = tmp_path / "old.tar"
    Release("0.1.0", "", (("awlta/__init__.py", b""),)).write_archive(archive)
    with tarfile.open(archive) as tar:
        digest = digest_of((m.name, tar.extractfile(m).read()) for m in tar.getmembers())
    with pytest.raises(Refused, match=r"0\.1\.0 .* cannot make products again"):
        fresh.install(archive, "0.1.0", digest, tmp_path / "f", tmp_path / "k", None)


def test_a_recipe_that_stands_in_no_package_of_the_release_is_refused():
    release = fresh.Fresh(Path(), Path(), Path(), ("again_trial",))
    release.check("again_trial.counts:AgainCounts.make")
    with pytest.raises(Refused, match="'factories', which the release does not hold"):
        release.check("factories:Summed.make")


@pytest.mark.faults
def test_a_release_is_installed_by_pip_from_its_archive_alone(archive, tmp_path):
    _, path = archive
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(tmp_path / "to")]
    command = [sys.executable, "-m", "pip", "install", "-q", *options, str(path)]
    subprocess.run(command, check=True, cwd=tmp_path)
    code = "import awlta.kernels, awlta; print(awlta.__file__)"
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'to')!r}); {code}"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "to"))
