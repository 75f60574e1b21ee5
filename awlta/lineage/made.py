"""Whether a product is made and still as it should be, and what it takes to make it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, cast

from .recipes.pars import given
from .workplace import current_database, current_workplace


class Made:
    """What one asks before a product is made, and long after."""

    @classmethod
    def get_target(cls, **values: Any) -> Self:
        """Return the committed product of these inputs if it is up to date, else an intention.

        Links declared with ``valid_at`` that are not given are chosen: the newest valid
        calibration that covers the time.
        """
        return cast(Self, current_workplace().target(cls, given(cls, values)))

    @classmethod
    def get(cls, **values: Any) -> Self:
        """Return the same as :meth:`get_target`."""
        return cls.get_target(**values)

    @classmethod
    def get_targets(cls, wanted: Iterable[Mapping[str, Any]]) -> list[Self]:
        """Return for each set of inputs what :meth:`get_target` gives, asked together."""
        asked = [given(cls, values) for values in wanted]
        return cast("list[Self]", current_database().targets(cls, asked))

    def is_made(self) -> bool:
        """Tell whether the product is committed."""
        return "_store" in self.__dict__

    def exist(self) -> bool:
        """Tell whether a product of the same inputs is committed, up to date or not."""
        return current_database().existing(self) is not None

    def uptodate(self, *, explain: bool = False) -> Any:
        """Tell whether making it now would give the same.

        Parameters
        ----------
        explain : bool
            Return the list of reasons why not, empty if it is up to date.
        """
        reasons = current_workplace().reasons(self)
        return reasons if explain else not reasons

    def differences(self) -> list[Any]:
        """Return in what the environment differs from the one that the product was made in.

        That alone does not make it out of date.
        """
        return cast("list[Any]", current_database().differences(self))

    def plan(self) -> Any:
        """Return the plan for this product: what is to be made for it, why, at what cost."""
        return current_database().plan([self])

    def remake(self) -> Self:
        """Return an intention of the same settings and parameters, of the inputs as of now.

        Inputs that are out of date are replaced: by what was made since, by the calibration
        that would be chosen now, or else by the intention to make them again; ``plan()`` of it
        shows and makes these first.
        """
        return cast(Self, current_database().remake(self))

    def dependents(self) -> Any:
        """Return what was made from this and still counts: ``.counts()``, ``.products()``."""
        return current_database().dependents(self)
