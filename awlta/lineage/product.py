"""The data product: an object that owns files and is made by its recipe, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..errors import BadValue, NotMade
from ..persistent import Attribute, Condition, Persistent, Query, persistent
from ..persistent.attributes.attributes import AnyLink
from ..persistent.attributes.codecs import Sha256
from ..persistent.classes.model import system_attribute
from .files.filed import FileOwner
from .files.replicas import ProductQuery
from .inspected import Inspected
from .made import Made
from .quality.verdicts import Judged
from .quality.verified import Verified
from .recipes.identity import RecipeIdentity, identify, sources
from .recipes.parameters import CATEGORIES as CATEGORIES
from .recipes.pars import Pars
from .retention.deletable import Deletable
from .traced import Traced
from .workplace import current_workplace

P = TypeVar("P", bound="DataProduct")
F = TypeVar("F", bound=Callable[..., None])


class Selection:
    """What is asked for by ``awlta make``: values such as ``run=7``, and what was found so far.

    Parameters
    ----------
    **values
        As the classes' ``targets`` understand them.
    """

    def __init__(self, /, **values: Any) -> None:
        self.values = values
        self._found: dict[type[Any], list[Any]] = {}
        self._parameters: dict[tuple[Any, ...], Any] = {}

    def get(self, name: str) -> Any:
        """Return one value, None if it was not given."""
        return self.values.get(name)

    def targets(self, cls: type[P]) -> list[P]:
        """Return the targets of a class, made or not, worked out once."""
        if cls not in self._found:
            self._found[cls] = cls.targets(self)
        return self._found[cls]

    def refresh(self, cls: type[P]) -> None:
        """Look again what there is of a class: another process may have made it."""
        self._found.pop(cls, None)

    def of(self, cls: type[P]) -> list[P]:
        """Return the targets of a class that are made."""
        return [product for product in self.targets(cls) if product.is_made()]

    def parameters(
        self, cls: type[Any], telescope: Any = None, *, role: str = "parameters", **values: Any
    ) -> Any:
        """Return the parameters for products of a class: as ``pars`` says, else the defaults.

        Parameters
        ----------
        cls : type
            The class of products.
        telescope : object with a name, optional
        role : str
            Link of the class to its parameters.
        **values
            What this target needs, in place of the defaults.
        """
        name, category = getattr(telescope, "name", telescope), self.get("category") or "B"
        key = (cls, role, name, tuple(values.items()))
        if key not in self._parameters:
            known = {**values, "telescope": name, "category": category}
            pars = self.get("pars")
            found = None if pars is None else pars.parameters(cls, role, **known)
            self._parameters[key] = found or Pars(cls).parameters(cls, role, **known)
        return self._parameters[key]


class Recipe:
    """What ``@recipe`` leaves in a class: the function, its version, its identity.

    A subclass has a recipe of its own even where it inherits ``make``, since the methods that
    ``make`` calls may be others.
    """

    def __init__(
        self, function: Callable[..., None], version: str, owner: type[Any] | None = None
    ) -> None:
        self.function = function
        self.version = version
        self.owner = owner
        self._identity: RecipeIdentity | None = None
        sources.remember(function.__module__)

    @property
    def name(self) -> str:
        """The name that the identity has, known without reading the source."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    @property
    def identity(self) -> RecipeIdentity:
        """The identity, worked out once from the text as it was imported."""
        if self._identity is None:
            self._identity = identify(self.function, self.version, self.owner)
        return self._identity


@overload
def recipe(function: F) -> F: ...
@overload
def recipe(*, version: str) -> Callable[[F], F]: ...
def recipe(function: Any = None, *, version: str = "1") -> Any:
    """Declare the method that makes a product.

    The method reads what the product links, writes files with ``self.create()`` and sets the
    attributes declared with ``init=False``. Inputs, parameters, code and environment are
    recorded around it; the product, its lineage and its files are committed together when it
    returns, or nothing is.

    Parameters
    ----------
    version : str
        Raise it when a change should be told apart although the code reads the same.
    """

    def declare(plain: Callable[..., None]) -> Any:
        declared = Recipe(plain, version)

        def make(self: DataProduct) -> None:
            current_workplace().make(self)

        make.__doc__ = plain.__doc__
        make.__name__ = plain.__name__
        make.__qualname__ = plain.__qualname__
        make.__module__ = plain.__module__
        make.recipe = declared  # type: ignore[attr-defined]
        return make

    return declare if function is None else declare(function)


class DataProduct(Persistent, FileOwner, Traced, Made, Judged, Verified, Inspected, Deletable):
    """A persistent object that may own files and comes about by its recipe.

    ``Product(raw=..., parameters=...)`` is an intention; :meth:`make` runs the recipe here,
    ``awlta.processing.submit`` on the DPU. Committed, it never changes; its standing does.
    """

    category: Attribute[str] = persistent("A (minutes), B (next day) or C (final)", default="B")

    __recipe__: ClassVar[Recipe | None] = None
    __query__: ClassVar[type[Query[Any]]] = ProductQuery

    if TYPE_CHECKING:  # given by the system below, so no arguments of the constructor

        @classmethod
        def select(cls: type[P], *conditions: Condition, **values: Any) -> ProductQuery[P]: ...  # noqa: D102
        @classmethod
        def select_all(cls: type[P]) -> ProductQuery[P]: ...  # noqa: D102

        content_digest: ClassVar[Attribute[str | None]]
        # without an annotation a checker takes it for no argument, and it can be assigned
        is_valid = Attribute[int]("verdict", None, 1, False, None, None)
        quality_flags: ClassVar[Attribute[int]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = getattr(cls.__dict__.get("make"), "recipe", cls.__recipe__)
        if own is not None:
            cls.__recipe__ = Recipe(own.function, own.version, cls)

    @classmethod
    def targets(cls: type[P], wanted: Selection) -> list[P]:
        """Return what there should be of this class for a selection such as ``run=7``.

        A class that can be asked for with ``awlta make`` says here which products it wants,
        together by :meth:`get_targets`; ``wanted.of(Class)`` gives those of a class that it links,
        which were brought up to date before.
        """
        return []

    def make(self) -> None:
        """Run the recipe of the class here and commit what it gives."""
        raise NotMade(
            f"{type(self).__name__} has no recipe",
            expected="a make() method under @recipe, or an ingest",
            do="Ingest the file with 'awlta ingest'",
        )

    def _choose(self, step: AnyLink) -> Any:
        return current_workplace().choose(self, step)

    def _admit(self) -> None:
        if type(self).__shared__:
            return
        raise NotMade(
            f"{self!r} was never made",
            expected="inputs that are committed",
            do="Call its make(), or ingest it, before the product that links it",
        )


def check_category(value: str) -> str:
    """Return the category if it is one, else raise BadValue."""
    if value not in CATEGORIES:
        raise BadValue(f"category = {value!r}", expected="A (minutes), B (next day) or C (final)")
    return value


DataProduct.__attributes__["category"].source = "product"
DataProduct.__own_attributes__ = []  # type: ignore[attr-defined]
for _name, _kind, _doc in (
    ("content_digest", Sha256 | None, "sha256 of content, without the identity block"),
):
    system_attribute(DataProduct, _name, _kind, persistent(_doc, init=False), "product")
for _name, _doc in (
    ("is_valid", "people's verdict: 0 bad, 1 good, 2 proposed for a wider scope"),
    ("quality_flags", "the system's verdict: bits set by verify()"),
):
    system_attribute(DataProduct, _name, int, persistent(_doc, init=False), "standing")
