"""Recipe packages: found by entry point, every module of them imported."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import pkgutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ...errors import ConfigError


def recipe_packages() -> list[str]:
    """Return the names of recipe packages: entry points, then ``$AWLTA_RECIPES`` (a:b:c)."""
    here = [n for n in os.environ.get("AWLTA_RECIPES", "").split(":") if n]
    return list(dict.fromkeys([*_installed(), *here]))


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Return the entry points; to find them the records of every distribution are read."""
    return tuple(e.value for e in importlib.metadata.entry_points(group="awlta.recipes"))


def load_recipes() -> list[ModuleType]:
    """Import every recipe package with all modules directly in it.

    Raises
    ------
    ConfigError
        A package cannot be imported; the reason is named.
    """
    loaded = []
    for name in recipe_packages():
        try:
            loaded.append(import_package(name))
        except ImportError as error:
            raise ConfigError(
                f"The recipe package {name!r} cannot be imported: {error}",
                do="Install what it needs, or take it out of AWLTA_RECIPES",
            ) from error
    return loaded


def import_package(name: str) -> ModuleType:
    """Import a package with all modules directly in it."""
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        if not module.ispkg:
            importlib.import_module(module.name)
    return package


def revision_folders(packages: Iterable[ModuleType]) -> dict[str, Path]:
    """Return each package with the folder of its revisions, which need not be there."""
    return {p.__name__: Path(p.__path__[0]) / "migrations" / "versions" for p in packages}
