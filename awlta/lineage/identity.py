"""Recipe identity: what code a recipe is, so that a change is noticed and a comment is not.

The digest covers ``make`` and every function, class and constant of its own package that it
reaches by name, in a canonical form without comments, docstrings and type annotations of
locals, plus the sources and flags of the kernels it names. The form lists node types and
fields and leaves out whatever is empty, so that it does not depend on the Python version.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from ..digest import digest_text
from ..errors import BadValue

_LEFT_OUT = {"ctx", "lineno", "col_offset", "end_lineno", "end_col_offset", "type_comment", "kind"}
_KERNELS = "awlta.kernels"


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
    later does not change the identity of the code that runs.
    """

    def __init__(self) -> None:
        self._modules: dict[str, dict[str, ast.AST]] = {}

    def remember(self, module_name: str) -> None:
        """Read and parse a module's text now."""
        if module_name not in self._modules:
            module = sys.modules.get(module_name)
            path = getattr(module, "__file__", None)
            if path is None or not path.endswith(".py"):
                return
            with open(path, encoding="utf-8") as stream:
                tree = ast.parse(stream.read())
            self._modules[module_name] = dict(_definitions(tree, ""))

    def tree(self, obj: Any) -> ast.AST:
        """Return the syntax tree of a function or class."""
        self.remember(obj.__module__)
        found = self._modules.get(obj.__module__, {}).get(obj.__qualname__)
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


def identify(function: Callable[..., Any], version: str) -> RecipeIdentity:
    """Return the identity of a recipe's function.

    Raises
    ------
    BadValue
        Its source cannot be read.
    """
    code = _Reached(function.__module__.split(".")[0])
    code.function(function)
    interactive = function.__module__ == "__main__"
    name = f"{function.__module__}:{function.__qualname__}"
    return RecipeIdentity(name, version, digest_text(version, *code.parts()), interactive)


class _Reached:
    """Everything of one package that a function reaches by name."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.found: dict[str, str] = {}
        self.kernels: set[str] = set()

    def parts(self) -> list[str]:
        texts = [f"{name}={text}" for name, text in sorted(self.found.items())]
        if self.kernels:
            kernels: Any = importlib.import_module(_KERNELS)
            texts.append(f"kernels={kernels.source_digest()}")
        return texts

    def function(self, function: Any) -> None:
        key = f"{function.__module__}.{function.__qualname__}"
        if key in self.found:
            return
        tree = sources.tree(function)
        if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
            tree = _undecorated(tree)
        self.found[key] = canonical(tree)
        names = _names_of(function)
        for dotted in _dotted_names(tree):
            self._follow(dotted, names)

    def _follow(self, dotted: list[str], names: dict[str, Any]) -> None:
        if dotted[0] not in names:
            return
        value, walked = names[dotted[0]], dotted[0]
        for step in dotted[1:]:
            if not isinstance(value, ModuleType) or not hasattr(value, step):
                break
            value, walked = getattr(value, step), f"{walked}.{step}"
        self._take(value, walked)

    def _take(self, value: Any, name: str) -> None:
        if isinstance(value, ModuleType):
            return
        module = getattr(value, "__module__", None)
        if isinstance(module, str) and (module + ".").startswith(_KERNELS + "."):
            self.kernels.add(name)
        elif isinstance(value, FunctionType) and self._own(module):
            self.function(value)
        elif isinstance(value, type) and self._own(module):
            self._class(value)
        elif isinstance(value, int | float | str | bytes | tuple | frozenset):
            self.found[f"constant {name}"] = repr(value)

    def _class(self, cls: type[Any]) -> None:
        key = f"{cls.__module__}.{cls.__qualname__}"
        if key in self.found or hasattr(cls, "__attributes__"):
            return
        tree = sources.tree(cls)
        self.found[key] = canonical(tree)
        names = vars(sys.modules[cls.__module__])
        for dotted in _dotted_names(tree):
            self._follow(dotted, names)

    def _own(self, module: str | None) -> bool:
        return module is not None and module.split(".")[0] == self.package


def _undecorated(tree: Any) -> Any:
    """Return a function without its decorators: ``@recipe`` is not part of what it does."""
    fields = {name: value for name, value in ast.iter_fields(tree) if name != "decorator_list"}
    return type(tree)(**fields, decorator_list=[])


def _names_of(function: Any) -> dict[str, Any]:
    names = dict(function.__globals__)
    closure = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    return {**names, **closure}


def _dotted_names(tree: ast.AST) -> list[list[str]]:
    """Return every name used, with the attributes read from it: ``a.b.c`` as [a, b, c]."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(tree):
        steps: list[str] = []
        here: Any = node
        while isinstance(here, ast.Attribute):
            steps.append(here.attr)
            here = here.value
        if isinstance(here, ast.Name):
            found.add((here.id, *reversed(steps)))
    return [list(name) for name in sorted(found)]
