"""A fresh environment: one software release, installed from its archive, and nothing else of ours.

The interpreter is the one that runs here. Packages of others are those that are installed here,
or with ``exact`` the recorded versions, which pip installs. Compiled kernels are kept in a cache
by their sources, since building them takes most of the time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from json import dumps, loads
from pathlib import Path
from typing import Any

from ...digest import digest_text
from ...errors import AwltaError, ConfigError, Fault, Refused
from ..recipes.sources import unpack

_TOOLS = ("cython", "setuptools")
_LOG_TAIL = 2000
_FORGOTTEN_SECONDS = 86_400.0

Bring = Callable[[str, Path], None]
"""Brings an input of a name to a path, or raises why it cannot."""


@dataclass(frozen=True)
class Fresh:
    """An environment in which a release can run.

    Attributes
    ----------
    folder : Path
    python : Path
        The interpreter of the environment.
    release : Path
        Where the release is unpacked.
    packages : tuple of str
        Recipe packages of the release.
    """

    folder: Path
    python: Path
    release: Path
    packages: tuple[str, ...]

    def check(self, recipe: str) -> None:
        """Raise Refused unless a recipe, ``package.module:Class.make``, is in the release."""
        package = recipe.split(":")[0].split(".")[0]
        if package not in (*self.packages, "awlta"):
            raise Refused(
                f"The recipe {recipe} stands in {package!r}, which the release does not hold",
                expected=f"a recipe package: {', '.join(self.packages) or 'it has none'}",
                do="Write the class into a recipe package and make the product with that",
            )


def install(
    archive: Path,
    version: str,
    digest: str,
    folder: Path,
    cache: Path,
    exact: Sequence[str] | None,
) -> Fresh:
    """Install a release from its archive into a new folder.

    Parameters
    ----------
    archive : Path
        Tar file of the release.
    version, digest : str
        What the release is, as recorded.
    folder : Path
    cache : Path
        Folder for compiled kernels, used again and again.
    exact : sequence of str, optional
        Distributions to be installed, as ``name==version``; None for those of this process.

    Raises
    ------
    DigestMismatch
        The archive is damaged.
    Refused
        The release is from before products could be made again by it.
    ConfigError
        It cannot be compiled, or a distribution not installed.
    """
    release = folder / "release"
    release.mkdir(parents=True)
    roots = unpack(archive, release, version, digest)
    if not (release / "awlta" / "lineage" / "again.py").exists():
        raise Refused(
            f"The software release {version} ({digest[:12]}) cannot make products again by itself",
            expected="a release that has awlta.lineage.again",
            do=f"Its sources are in {archive.name}: install it by hand and compare",
        )
    environment = folder / "env"
    venv.create(environment, symlinks=True, with_pip=exact is not None)
    python = environment / "bin" / "python"
    paths = [str(release), *([] if exact is not None else _packages_here())]
    (_site(environment) / "awlta-release.pth").write_text("\n".join(paths) + "\n")
    if exact is None:
        tools = [f"{name}=={_version(name)}" for name in _TOOLS]
    else:
        tools = _install_recorded(python, folder, exact, roots)
    _compile(python, release, cache, tools)
    return Fresh(folder, python, release, tuple(r for r in roots if r != "awlta"))


def _site(environment: Path) -> Path:
    prefix = str(environment)
    paths = sysconfig.get_paths("venv", vars={"base": prefix, "platbase": prefix})
    return Path(paths["purelib"])


def _packages_here() -> list[str]:
    """Return the folders of this process that hold installed distributions of others."""
    folders = [Path(p) for p in sys.path if p and Path(p).is_dir()]
    return [str(folder) for folder in folders if any(folder.glob("*.dist-info"))]


def _install_recorded(
    python: Path, folder: Path, recorded: Sequence[str], roots: Sequence[str]
) -> list[str]:
    """Install distributions in their recorded versions; return those that compile kernels."""
    own = {"awlta", "pip", *(root.replace("_", "-") for root in roots), *roots}
    wanted = [line for line in recorded if line.split("==")[0] not in own]
    named = {line.split("==")[0] for line in wanted}
    wanted += [tool for tool in _TOOLS if tool not in named]
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(wanted) + "\n")
    options = ["--no-deps", "--disable-pip-version-check", "--no-input", "-q", "-r", str(listed)]
    done = _run([python, "-I", "-m", "pip", "install", *options], folder)
    if done.returncode:
        raise ConfigError(
            f"The recorded packages could not be installed: {_last_lines(done.stderr)}",
            expected=f"the {len(wanted)} versions that the record lists, from a package index",
            do="Reproduce with the packages that are installed here (without exact)",
        )
    return [line for line in wanted if line.split("==")[0] in _TOOLS]


def _compile(python: Path, release: Path, cache: Path, tools: Sequence[str]) -> None:
    """Put the compiled kernels of a release in their place, built if the cache lacks them."""
    kernels = release / "awlta" / "kernels"
    built = cache / _build_key(kernels, tools)
    if not built.is_dir():
        with new_folder(cache, ".build.") as place:
            _build(python, release, place)
            try:
                os.rename(place / "lib" / "awlta" / "kernels", built)
            except OSError:
                if not built.is_dir():  # else another process was first
                    raise
    shutil.copytree(built, kernels, dirs_exist_ok=True)


def _build(python: Path, release: Path, place: Path) -> None:
    options = ["--build-lib", str(place / "lib"), "--build-temp", str(place / "temp")]
    command = [python, "-I", "setup.py", "-q", "build_ext", *options, "-j", str(os.cpu_count())]
    # To write what a debugger wants takes a quarter of the time, and changes no instruction.
    done = _run(command, release, CFLAGS=f"{os.environ.get('CFLAGS', '')} -g0")
    if done.returncode:
        raise ConfigError(
            f"The kernels of the release could not be compiled: {_last_lines(done.stderr)}",
            expected="a C compiler, and the distributions cython and setuptools",
            do="pip install cython setuptools; install gcc",
        )


def _build_key(kernels: Path, tools: Sequence[str]) -> str:
    """Return the digest of all that decides what the compiled kernels are."""
    endings = (".pyx", ".pxd", ".h")
    sources = [p.read_text() for p in sorted(kernels.rglob("*")) if p.suffix in endings]
    sources.append((kernels / "flags.py").read_text())
    here = [str(sysconfig.get_config_var(name)) for name in ("SOABI", "CC", "CFLAGS")]
    return digest_text(*sources, *tools, *here)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


@contextmanager
def new_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Give an empty folder that is taken away at the end, and those that killed processes left."""
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime > _FORGOTTEN_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as folder:
        yield Path(folder).resolve()


def run(fresh: Fresh, order: Mapping[str, Any], folder: Path, bring: Bring) -> dict[str, Any]:
    """Have an order carried out in the environment; return the result that it leaves.

    Parameters
    ----------
    fresh : Fresh
    order : mapping
        The order, as JSON holds it.
    folder : Path
        New folder for order, result, log and the files made.
    bring : callable

    Raises
    ------
    AwltaError
        What the release told, or a Fault where it told nothing.
    """
    folder.mkdir(parents=True)
    order_file, log = folder / "ORDER.json", folder / "again.log"
    order_file.write_text(dumps(order, indent=1))
    command = [str(fresh.python), "-I", "-m", "awlta.lineage.again", str(order_file), str(folder)]
    with open(log, "wb") as errors, _child(command, folder, errors) as child:
        for line in child.stdout:
            with suppress(BrokenPipeError):  # it has ended since
                child.stdin.write(dumps(_answer(line, folder, bring)) + "\n")
                child.stdin.flush()
    try:
        result: dict[str, Any] = loads((folder / "RESULT.json").read_text())
    except (OSError, ValueError):
        raise Fault(
            f"The release ended with status {child.returncode} and without a result: "
            f"{_last_lines(log.read_text(errors='replace'))}",
            do="Keep the folder (keep=...) and look at again.log",
        ) from None
    return result


@contextmanager
def _child(command: Sequence[str], folder: Path, errors: Any) -> Iterator[Any]:
    home = folder / "home"
    home.mkdir()
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        cwd=folder,
        env=_environment(home),
        text=True,
    )
    try:
        with child:
            yield child
    finally:
        child.kill()


def _answer(line: str, folder: Path, bring: Bring) -> dict[str, Any]:
    """Grant a request for an input, or tell why not."""
    try:
        request = loads(line)
        place = Path(request["to"]).resolve()
        if not place.is_relative_to(folder.resolve()):
            raise Refused(f"The release asked for a file at {place}", expected="its own folder")
        bring(str(request["want"]), place)
    except AwltaError as error:
        return {"error": error.to_json()}
    return {}


def _environment(home: Path) -> dict[str, str]:
    """Return the environment variables of a process that shall know nothing of us."""
    ours = ("PYTHON", "AWLTA_", "VIRTUAL_ENV", "XDG_", "MPLCONFIGDIR")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "HOME": str(home)}


def _run(
    command: Sequence[Any], folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**_environment(folder), **variables},
        capture_output=True,
        text=True,
        errors="replace",
    )


def _last_lines(text: str) -> str:
    return text.strip()[-_LOG_TAIL:] or "it said nothing"
