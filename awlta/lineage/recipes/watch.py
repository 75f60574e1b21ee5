"""The watch on a running recipe: it may reach what it links, and nothing else.

Attributes and links of other objects, queries, files opened with ``open`` or h5py, sockets and
databases raise :class:`~awlta.errors.UndeclaredInput`. The interpreter, installed packages and
system folders may be read; the recipe's own scratch folder may be read and written. What an
external program opens, or C code other than HDF5, is not seen.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...errors import RecipeFailed, UndeclaredInput
from ...persistent import Persistent
from ...persistent.attributes.attributes import AnyLink
from ...persistent.watches import watches

_active: list[RecipeWatch] = []
_hooked = False
_TOUCHES = frozenset(
    ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.fork", "os.posix_spawn")
) | {"subprocess.Popen"}
"""Events besides opening a file by which something may come into the scratch folder."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class RecipeWatch:
    """What one running recipe may reach.

    Parameters
    ----------
    product : Persistent
        The product that is being made.
    scratch : Path
        Folder for its inputs and outputs.
    touch : callable
        Told before the recipe can put something into the scratch folder, as often as it may.
    """

    def __init__(
        self, product: Persistent, scratch: Path, touch: Callable[[], None] = lambda: None
    ) -> None:
        self._product = product
        self._touch = touch
        self._allowed = {id(product)}
        self._keep: list[Any] = []
        self._scratch = _real_folder(str(scratch))
        self._thread = threading.get_ident()
        self._older_threads = {self._thread}
        if threading.active_count() > 1:
            self._older_threads.update(t.ident for t in threading.enumerate() if t.ident)
        self._looking_away: set[int] = set()

    def attribute(self, obj: Any) -> None:
        """Raise unless the object is reached by links from the product."""
        if id(obj) in self._allowed or self._is_blind():
            return
        if "_store" not in obj.__dict__ and "_pending" not in obj.__dict__:
            return
        raise UndeclaredInput(
            f"The recipe of {type(self._product).__name__} read {obj!r}",
            expected="objects reached by links from self",
            do=f"Declare it: name: Link[{type(obj).__name__}] = link('what it is for')",
        )

    def followed(self, step: AnyLink, value: Any) -> None:
        """Allow what a link of an allowed object gave, if the link is an input."""
        if not step.is_input or value is None:
            return
        for obj in value if step.many else (value,):
            if id(obj) not in self._allowed:
                self._allowed.add(id(obj))
                self._keep.append(obj)

    def change(self, obj: Any, name: str) -> None:
        """Raise where the recipe sets what it was given: inputs and settings."""
        if obj is not self._product or self._is_blind():
            return
        attribute = type(obj).__attributes__.get(name)
        if attribute is None or attribute.init:
            raise RecipeFailed(
                f"The recipe of {type(obj).__name__} set {name}, which it was given",
                expected="only attributes declared with init=False to be set",
                do="Give the other value when the product is declared",
            )

    def query(self, cls: type[Any]) -> None:
        """Raise: a query has no place in a recipe."""
        if self._is_blind():
            return
        raise UndeclaredInput(
            f"The recipe of {type(self._product).__name__} asked a query for {cls.__name__}",
            expected="objects reached by links from self",
            do="Ask the query where the product is declared, and link what it gives",
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let our own transport work for the recipe, in this thread."""
        me = threading.get_ident()
        before = me in self._looking_away
        self._looking_away.add(me)
        try:
            yield
        finally:
            if not before:
                self._looking_away.discard(me)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge an audit event of the interpreter."""
        if event in _TOUCHES:
            self._touch()
        if self._is_blind():
            return
        if event in ("open", "awlta.open"):
            self._judge_open(arguments)
        elif event in ("socket.connect", "sqlite3.connect"):
            raise UndeclaredInput(
                f"The recipe of {type(self._product).__name__} opened a connection "
                f"({event} {arguments[-1]!r})",
                expected="inputs reached by links from self",
                do="Ingest what it needs, and link it",
            )

    def _judge_open(self, arguments: tuple[Any, ...]) -> None:
        path, _, flags = (*arguments, None, None, None)[:3]
        if isinstance(path, int) or path is None:
            return
        name = os.path.realpath(os.fsdecode(path))
        if (name + os.sep).startswith(self._scratch):
            self._touch()
            return
        writes = isinstance(flags, int) and bool(flags & _WRITES)
        if name == os.devnull or (name.startswith(_caches()) and _caches()):
            return
        if not writes and name.startswith(_readable()):
            return
        raise UndeclaredInput(
            f"The recipe of {type(self._product).__name__} opened {name}",
            expected="files of linked products (self.link.retrieve()) and of self (self.create())",
            do="Link the product that the file belongs to; ingest it first if it has none",
        )

    def _is_blind(self) -> bool:
        """Whether this thread is not judged: it is older than the recipe, or looks away."""
        me = threading.get_ident()
        if me in self._looking_away:
            return True
        return me != self._thread and me in self._older_threads


@lru_cache(maxsize=64)
def _real_folder(path: str) -> str:
    """Return how the names of files in a folder begin, links followed."""
    return os.path.realpath(path) + os.sep


def _readable() -> tuple[str, ...]:
    """Return the folders that any recipe may read: interpreter, packages, system."""
    global _readable_folders
    if _readable_folders is None:
        folders = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
        folders |= set(site.getsitepackages())
        folders |= {str(Path(p)) for p in sys.path if p and _is_code_folder(p)}
        folders |= {_package_folder(m) for m in list(sys.modules.values())} - {""}
        folders |= {"/usr", "/lib", "/lib64", "/etc", "/proc", "/sys"}
        names = {os.path.realpath(f) for f in folders} - {os.sep}
        _readable_folders = (*sorted(n + os.sep for n in names), "/dev/urandom")
    return _readable_folders


_readable_folders: tuple[str, ...] | None = None
_modules_seen = 0


def _is_code_folder(path: str) -> bool:
    return path.endswith((".zip", "site-packages", "lib-dynload"))


def _package_folder(module: Any) -> str:
    """Return the folder of a package that is imported from a source tree."""
    file = getattr(module, "__file__", None)
    is_package = getattr(module, "__path__", None) is not None
    return str(Path(file).parent) if file and is_package else ""


def _caches() -> tuple[str, ...]:
    """Return folders in which libraries keep caches, written as well as read."""
    home = Path.home()
    names = [home / ".cache", home / ".config" / "matplotlib", home / ".astropy"]
    for variable in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        if os.environ.get(variable):
            names.append(Path(os.environ[variable]))
    return tuple(os.path.realpath(n) + os.sep for n in names)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _active:
        _active[-1].audit(event, arguments)


def _watch_hdf5() -> None:
    """Let h5py tell of its files: HDF5 opens them in C, where the interpreter does not see."""
    h5py: Any = sys.modules.get("h5py")
    if h5py is None or getattr(h5py.File.__init__, "_awlta", False):
        return
    plain = h5py.File.__init__

    def telling(self: Any, name: Any, mode: str = "r", *args: Any, **kwargs: Any) -> None:
        if isinstance(name, str | bytes | os.PathLike):
            flags = os.O_RDONLY if mode == "r" else os.O_RDWR
            sys.audit("awlta.open", name, mode, flags)
        plain(self, name, mode, *args, **kwargs)

    telling._awlta = True  # type: ignore[attr-defined]
    h5py.File.__init__ = telling


def refuse_nested(product: Persistent) -> None:
    """Raise UndeclaredInput where a recipe would make another product."""
    if _active:
        raise UndeclaredInput(
            f"The recipe of {_active[-1]._product!r} makes another product, {product!r}",
            expected="products that were made before, linked",
            do="Link it; what it needs is made first",
        )


class watching:  # noqa: N801  # read as a block: with watching(product, scratch)
    """Watch the recipe of a product for the length of a block.

    Raises
    ------
    UndeclaredInput
        From whatever call in the block reached for something that is not linked.
    """

    def __init__(
        self, product: Persistent, scratch: Path, touch: Callable[[], None] = lambda: None
    ) -> None:
        _prepare()
        self._watch = RecipeWatch(product, scratch, touch)

    def __enter__(self) -> RecipeWatch:
        _active.append(self._watch)
        watches.append(self._watch)
        return self._watch

    def __exit__(self, *_: object) -> None:
        watches.remove(self._watch)
        _active.remove(self._watch)


def _prepare() -> None:
    """Hook the interpreter and HDF5, once, and note what was imported since the last recipe."""
    global _hooked, _readable_folders, _modules_seen
    if not _hooked:
        import h5py  # noqa: F401  # imported before the watch begins, so that it can be told of

        sys.addaudithook(_hook)
        _watch_hdf5()
        _hooked = True
    if _modules_seen != len(sys.modules):
        _readable_folders, _modules_seen = None, len(sys.modules)
        _readable()
