"""The sources that run: what a software release is made of, how it is packed and unpacked.

The archive of a release can be built by itself, years later: beside the packages it holds a
``setup.py`` and a ``pyproject.toml`` that follow from the packages alone, so that equal sources
are equal bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from ... import __version__
from ...digest import digest_text
from ...errors import DigestMismatch

ENDINGS = (
    *(".py", ".pyx", ".pxd", ".h", ".pyi", ".typed", ".mako", ".toml", ".xsd", ".xml"),
    *(".json", ".yaml", ".yml", ".csv", ".ecsv", ".txt", ".dat"),
    *(".npy", ".npz", ".fits", ".h5"),
)
"""Files of a package that belong to its release: sources, and the tables that they read."""

_ELSEWHERE = ("awlta.schemas",)
"""Packages that may stand outside the folder of the package above them."""

_PROJECT = """\
[build-system]
requires = ["setuptools>=77", "cython>=3.0"]
build-backend = "setuptools.build_meta"
"""

_SETUP = '''\
"""Build this release by itself: the packages beside this file, with their compiled kernels."""

import runpy

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

FLAGS = runpy.run_path("awlta/kernels/flags.py")

setup(
    name="awlta",
    version={version!r},
    packages=find_packages(),
    package_data={{"": {patterns!r}}},
    entry_points={{"awlta.recipes": {recipes!r}}},
    ext_modules=cythonize(
        [
            Extension(
                "awlta.kernels." + files[0].removesuffix(".pyx").replace("/", "."),
                [f"awlta/kernels/{{files[0]}}"],
                extra_compile_args=list(FLAGS["COMPILE_ARGS"]),
            )
            for files in FLAGS["STAGES"].values()
        ],
        compiler_directives={{"language_level": 3}},
    ),
)
'''


@dataclass(frozen=True)
class Release:
    """The sources that this process runs: what the SoftwareRelease product stores.

    Attributes
    ----------
    version : str
    digest : str
        sha256 over names and digests of all that is in its archive.
    entries : tuple of (str, bytes)
        Name and content of all that is in its archive, as they were when the digest was taken.
    """

    version: str
    digest: str
    entries: tuple[tuple[str, bytes], ...] = field(repr=False)

    def write_archive(self, path: Path) -> None:
        """Write a tar file whose bytes depend on the sources alone."""
        path.write_bytes(self._archive)

    @cached_property
    def _archive(self) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for name, content in self.entries:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(content))
        return raw.getvalue()


def _entries(version: str, folders: tuple[tuple[str, Path], ...]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of all that is in the archive of a release, in its order."""
    for name, text in build_files(version, [package for package, _ in folders]):
        yield name, text.encode()
    for name, path in _sources(folders):
        yield name, path.read_bytes()


def build_files(version: str, packages: list[str]) -> list[tuple[str, str]]:
    """Return name and text of the files that say how a release is built."""
    recipes = [f"{name} = {name}" for name in packages if "/" not in name and name != "awlta"]
    patterns = [f"*{ending}" for ending in ENDINGS]
    setup = _SETUP.format(version=version, patterns=patterns, recipes=recipes)
    return [("pyproject.toml", _PROJECT), ("setup.py", setup)]


def _sources(folders: tuple[tuple[str, Path], ...]) -> Iterator[tuple[str, Path]]:
    """Yield name in the release and path of every source, in order of the names."""
    found: dict[str, Path] = {}
    for package, folder in folders:
        for root, inner, names in os.walk(folder):
            inner[:] = [name for name in inner if name != "__pycache__"]
            place = Path(package, Path(root).relative_to(folder))
            found |= {
                f"{place}/{name}": Path(root, name)
                for name in names
                if name.endswith(ENDINGS) and not name.startswith(".")
            }
    yield from sorted(found.items())


def running_release(packages: tuple[str, ...]) -> Release:
    """Return the release of the packages that are imported in this process.

    Parameters
    ----------
    packages : tuple of str
        Root packages: awlta, and those that bring recipes.
    """
    folders = []
    for name in sorted(set(packages)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            folders.append((name, Path(file).parent))
    for name in _ELSEWHERE:
        if name.split(".")[0] in packages:
            place = next(iter(importlib.import_module(name).__path__))
            folders.append((name.replace(".", "/"), Path(place)))
    return _release(tuple(folders))


@lru_cache(maxsize=8)
def _release(folders: tuple[tuple[str, Path], ...]) -> Release:
    entries = tuple(_entries(__version__, folders))
    return Release(__version__, digest_of(entries), entries)


def digest_of(entries: Iterable[tuple[str, bytes]]) -> str:
    """Return the digest of a release from names and contents, in the order of its archive."""
    parts: list[str] = []
    for name, content in entries:
        parts += [name, hashlib.sha256(content).hexdigest()]
    return digest_text(*parts)


def unpack(archive: Path, folder: Path, version: str, digest: str) -> list[str]:
    """Unpack the archive of a release, verified; return the names of its root packages.

    Releases from before archives could be built by themselves get the files that say how.

    Raises
    ------
    DigestMismatch
        It is no archive, is damaged, or holds other sources than those of the digest.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            members = [m for m in tar.getmembers() if m.isfile()]
            found = digest_of((m.name, _content(tar, m)) for m in members)
            if found == digest:
                tar.extractall(folder, members=members, filter="data")
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DigestMismatch(
            f"The archive of the software release {digest[:12]} cannot be unpacked: {error}",
            expected="a tar file of sources",
            do="Have it brought back from another replica",
        ) from error
    if found != digest:
        raise DigestMismatch(
            f"The archive holds the sources {found[:12]}",
            expected=f"those of the software release {digest[:12]}",
            do="Have it brought back from another replica",
        )
    roots = sorted({m.name.split("/")[0] for m in members if "/" in m.name})
    for name, text in build_files(version, roots):
        if not (folder / name).exists():
            (folder / name).write_text(text)
    return roots


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return b"" if stream is None else stream.read()
