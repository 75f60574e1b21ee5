"""What an event file says of itself as a whole: reference metadata of CTAO, version 1.

Nothing here is taken from a clock or made by chance, so that equal events give equal files.
Identity, recipe and inputs of a product stand in the fixed block of its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import model

_LEVELS = {
    "DL1_IMAGES": model.IMAGES,
    "DL1_PARAMETERS": model.PARAMETERS,
    "DL1_MUON": model.MUONS,
    "DL2": "dl2",
}


@dataclass(frozen=True)
class Header:
    """Who answers for a file, and what it is of.

    Attributes
    ----------
    contact, email, organization : str
    description : str
    category : str
        ``Sim``, ``A``, ``B``, ``C`` or ``Other``.
    process : str
        ``Observation``, ``Simulation`` or ``Other``.
    activity : str
        Name of what made the file.
    site : str
    further : mapping of str to str
        Other keywords, such as ``PRODUCT ID`` or ``ACTIVITY START TIME``; they are content,
        and two files that differ in them differ.
    """

    contact: str = "unknown"
    email: str = "unknown"
    organization: str = "unknown"
    description: str = "awlta event data"
    category: str = "Other"
    process: str = "Observation"
    activity: str = "awlta"
    site: str = "Other"
    further: Mapping[str, str] | None = None

    def keywords(
        self, subarray: str, obs_ids: Iterable[int], places: Iterable[str]
    ) -> dict[str, str]:
        """Return the attributes of the root of a file that has tables at these places."""
        held = [f"{place}/" for place in places]
        levels = [n for n, at in _LEVELS.items() if any(p.startswith(f"{at}/") for p in held)]
        told = {
            "REFERENCE VERSION": "1",
            "CONTACT NAME": self.contact,
            "CONTACT EMAIL": self.email,
            "CONTACT ORGANIZATION": self.organization,
            "PRODUCT DESCRIPTION": self.description,
            "PRODUCT DATA CATEGORY": self.category,
            "PRODUCT DATA LEVELS": ",".join(levels),
            "PRODUCT DATA ASSOCIATION": "Subarray",
            "PRODUCT DATA MODEL NAME": "ASWG",
            "PRODUCT DATA MODEL VERSION": model.MODEL,
            "PRODUCT FORMAT": "hdf5",
            "PROCESS TYPE": self.process,
            "PROCESS ID": ",".join(map(str, obs_ids)),
            "ACTIVITY NAME": self.activity,
            "ACTIVITY TYPE": "software",
            "ACTIVITY SOFTWARE NAME": "awlta",
            "INSTRUMENT SITE": self.site,
            "INSTRUMENT CLASS": "Subarray",
            "INSTRUMENT ID": subarray,
            **(self.further or {}),
        }
        return {f"CTA {key}": value for key, value in told.items() if value}
