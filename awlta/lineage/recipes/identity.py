"""Recipe identity: what code a recipe is, so that a change is noticed and a comment is not.

The digest covers ``make`` and every function, method, class and constant of its own package
that it reaches by name, also as ``self.method`` and ``self.link.method``, in a canonical form
without comments, docstrings and type annotations, plus the sources and flags of the kernels it
names. The form lists node types and fields and leaves out whatever is empty, so that it does
not depend on the Python version. What is reached through a local variable is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np

from ...digest import digest_text
from ...errors import BadValue

_LEFT_OUT = {"annotation", "returns", "ctx", "type_comment", "kind"}
_KERNELS = "awlta.kernels"
_K = TypeVar("_K")


@dataclass(frozen=True)
class RecipeIdentity:
    """What a recipe is.

    Attributes
    ----------
    name : str
        ``package.module:Class.make``.
    version : str
        Declared by the author.
    digest : str
        sha256 of the canonical code.
    interactive : bool
        Typed at a prompt; such products cannot be published.
    """

    name: str
    version: str
    digest: str
    interactive: bool


def canonical(node: ast.AST | list[Any] | Any) -> str:
    """Return the canonical text of a syntax tree."""
    if isinstance(node, ast.AST):
        fields = []
        for name, value in ast.iter_fields(node):
            if name in _LEFT_OUT or value is None or value == []:
                continue
            if name == "body" and isinstance(value, list):
                value = _without_docstring(node, value)
            fields.append(f"{name}={canonical(value)}")
        return f"{type(node).__name__}({','.join(sorted(fields))})"
    if isinstance(node, list):
        return f"[{','.join(canonical(item) for item in node)}]"
    return repr(node)


def _without_docstring(node: ast.AST, body: list[Any]) -> list[Any]:
    has_doc = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.Module)
    if has_doc and body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return body[1:]
    return body


class SourceReader:
    """Source of functions and classes as it was when their module was imported.

    A module's text is read once, at the import of the first recipe in it: a file that is edited
    later does not change the identity of the code that runs. It is parsed when it is needed.
    """

    def __init__(self) -> None:
        self._modules: dict[str, _Module] = {}

    def remember(self, module_name: str) -> None:
        """Read a module's text now."""
        if module_name not in self._modules:
            module = sys.modules.get(module_name)
            path = getattr(module, "__file__", None)
            if path is not None and path.endswith(".py"):
                with open(path, encoding="utf-8") as stream:
                    self._modules[module_name] = _Module(stream.read())

    def tree(self, obj: Any) -> ast.AST:
        """Return the syntax tree of a function or class."""
        self.remember(obj.__module__)
        module = self._modules.get(obj.__module__)
        found = None if module is None else module.defined(obj)
        if found is not None:
            return found
        try:
            return ast.parse(textwrap.dedent(inspect.getsource(obj))).body[0]
        except (OSError, TypeError, SyntaxError):
            raise BadValue(
                f"The source of {obj.__module__}.{obj.__qualname__} cannot be read",
                expected="a recipe written in a module, or at the awe> prompt",
                do="Write the class into a file of a recipes package",
            ) from None


class _Module:
    """The text of a module, and the trees of all that it defines."""

    def __init__(self, text: str) -> None:
        self._text = text

    def defined(self, obj: Any) -> ast.AST | None:
        """Return the tree of a function or class, None if it is not in the text."""
        if obj.__qualname__.endswith("<lambda>"):
            return self._lambdas.get(obj.__code__.co_firstlineno)
        return self._named.get(obj.__qualname__)

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self._text)

    @cached_property
    def _named(self) -> dict[str, ast.AST]:
        return _by_name(_definitions(self._tree, ""))

    @cached_property
    def _lambdas(self) -> dict[int, ast.AST]:
        """Lambdas by the line in which they begin; few recipes reach one."""
        found = (node for node in ast.walk(self._tree) if isinstance(node, ast.Lambda))
        return _by_name((node.lineno, node) for node in found)


def _by_name(nodes: Iterable[tuple[_K, ast.AST]]) -> dict[_K, ast.AST]:
    """Return trees by name; a property and its setter, overloads, lambdas of a line have one."""
    found: dict[_K, list[Any]] = {}
    for name, node in nodes:
        found.setdefault(name, []).append(node)
    return {
        name: same[0] if len(same) == 1 else ast.Module(same, []) for name, same in found.items()
    }


def _definitions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name, node
            inner = "" if isinstance(node, ast.ClassDef) else "<locals>."
            yield from _definitions(node, f"{prefix}{node.name}.{inner}")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _definitions(node, prefix)


sources = SourceReader()
"""The texts of every module that holds a recipe, as they were imported."""


def identify(
    function: Callable[..., Any], version: str, owner: type[Any] | None = None
) -> RecipeIdentity:
    """Return the identity of a recipe's function.

    Parameters
    ----------
    function : callable
    version : str
    owner : type, optional
        Class whose methods ``self`` has.

    Raises
    ------
    BadValue
        Its source cannot be read.
    """
    code = _Reached(function.__module__.split(".")[0])
    code.function(function, owner)
    interactive = function.__module__ == "__main__"
    name = f"{function.__module__}:{function.__qualname__}"
    return RecipeIdentity(name, version, digest_text(version, *code.parts()), interactive)


class _Reached:
    """Everything of one package that a function reaches by name."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: dict[str, str] = {}
        self.entered: set[tuple[Any, type[Any] | None]] = set()
        self.names_kernels = False

    def parts(self) -> list[str]:
        texts = [f"{name}={text}" for name, text in sorted(self.found.items())]
        if self.names_kernels:
            kernels: Any = importlib.import_module(_KERNELS)
            texts.append(f"kernels={kernels.source_digest()}")
        return texts

    def function(self, function: Any, owner: type[Any] | None = None) -> None:
        """Take a function, and with a class to which it belongs, what it calls on ``self``."""
        if (function, owner) in self.entered:
            return
        self.entered.add((function, owner))
        tree = sources.tree(function)
        if len(self.entered) == 1 and isinstance(tree, ast.FunctionDef):
            tree = _undecorated(tree)
        text, used = _read(tree)
        key = f"{function.__module__}.{function.__qualname__}"
        if function.__name__ == "<lambda>":  # all of one place have the same name
            key += digest_text(text)
        self.found[key] = text
        names = _names_of(function)
        own = next(iter(inspect.signature(function).parameters), "") if owner else ""
        for first, *rest in used:
            if first in (own, "super()"):
                self._follow_object(owner, rest)
            elif first in names:
                self._follow(names[first], rest, f"{function.__module__}.{first}")

    def _follow(self, value: Any, steps: list[str], name: str) -> None:
        """Walk from a global name through modules to what it means, and take that."""
        for number, step in enumerate(steps):
            if hasattr(value, "__attributes__") and isinstance(value, type):
                self._follow_object(value, steps[number:])
                return
            if not isinstance(value, ModuleType) or not hasattr(value, step):
                break
            value, name = getattr(value, step), f"{value.__name__}.{step}"
        self._take(value, name, None)

    def _follow_object(self, cls: Any, steps: list[str]) -> None:
        """Walk along links of a persistent class, and take the method or constant at the end."""
        for step in steps:
            link = getattr(cls, "__links__", {}).get(step)
            if link is None:
                for part in getattr(cls, "__mro__", ()):
                    if step in vars(part) and self._own(part.__module__):
                        name = f"{part.__module__}.{part.__qualname__}.{step}"
                        self._take(vars(part)[step], name, cls)
                return
            cls = link.target

    def _take(self, value: Any, name: str, owner: type[Any] | None) -> None:
        value = _plain_function(value)
        module = getattr(value, "__module__", None)
        if isinstance(value, ModuleType):
            return
        if isinstance(module, str) and (module + ".").startswith(_KERNELS + "."):
            self.names_kernels = True
        elif isinstance(value, FunctionType):
            if self._own(module):
                self.function(value, owner)
        elif isinstance(value, type):
            if self._own(module):
                self._class(value)
        else:
            constant = _constant(value)
            if constant is not None:
                self.found[f"constant {name}"] = constant
            for part in _members(value):
                self._take_member(part, name)

    def _take_member(self, part: Any, name: str) -> None:
        """Take what a table of functions, classes or modules holds: any of it may be called."""
        if isinstance(part, ModuleType) and self._own(part.__name__):
            for found in vars(part).values():
                if isinstance(found, FunctionType) and found.__module__ == part.__name__:
                    self.function(found)
        elif isinstance(part, FunctionType | type):
            self._take(part, name, None)

    def _class(self, cls: type[Any]) -> None:
        key = f"{cls.__module__}.{cls.__qualname__}"
        if key in self.found or hasattr(cls, "__attributes__"):
            return
        self.found[key] = ""
        try:
            tree = sources.tree(cls)
        except BadValue:  # typed at a prompt, where functions have a source and classes none
            for name, value in vars(cls).items():
                self._take(value, f"{key}.{name}", None)
            return
        self.found[key], used = _read(tree)
        names = vars(sys.modules[cls.__module__])
        for first, *rest in used:
            if first in names:
                self._follow(names[first], rest, f"{cls.__module__}.{first}")

    def _own(self, module: str | None) -> bool:
        return module is not None and module.split(".")[0] == self.package


def _plain_function(value: Any) -> Any:
    """Return the function behind a property, a method or a decorator that says what it wraps."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, staticmethod | classmethod):
        value = value.__func__
    declared = getattr(value, "recipe", None)
    value = getattr(declared, "function", value)
    return inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value


def _members(value: Any) -> list[Any]:
    """Return what stands in a container."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []


def _constant(value: Any) -> str | None:
    """Return a constant as text that is the same in every process, None for other values."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"{value.dtype.str}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, dict):
        value = [part for item in value.items() for part in item]
    if not isinstance(value, list | tuple | set | frozenset):
        return None
    parts = [_constant(part) for part in value]
    if isinstance(value, set | frozenset):
        parts = sorted(parts, key=str)
    return f"[{', '.join(str(part) for part in parts)}]"


def _undecorated(tree: Any) -> Any:
    """Return a function without its decorators: ``@recipe`` is not part of what it does."""
    fields = {name: value for name, value in ast.iter_fields(tree) if name != "decorator_list"}
    return type(tree)(**fields, decorator_list=[])


def _names_of(function: Any) -> dict[str, Any]:
    names = dict(function.__globals__)
    closure = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    return {**names, **closure}


@lru_cache(maxsize=4096)  # several recipes reach the same functions
def _read(tree: ast.AST) -> tuple[str, list[tuple[str, ...]]]:
    """Return the canonical text of a tree, and the names used in it."""
    return canonical(tree), _dotted_names(tree)


def _dotted_names(tree: ast.AST) -> list[tuple[str, ...]]:
    """Return every name used, with the attributes read from it: ``a.b.c`` as (a, b, c)."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        steps: list[str] = []
        here: Any = node
        while isinstance(here, ast.Attribute):
            steps.append(here.attr)
            here = here.value
        if isinstance(here, ast.Name):
            found.add((here.id, *reversed(steps)))
        elif isinstance(here, ast.Call) and getattr(here.func, "id", "") == "super":
            found.add(("super()", *reversed(steps)))
    return sorted(found)
