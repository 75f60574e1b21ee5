"""Floor 3: products, parameters, recipes, activities; closure, currency, provenance."""

from .block import new_hdf5
from .calibrations import Calibration, CalibrationSet, pinned
from .campaigns import Campaign
from .choice import Candidate, why_chosen
from .conflicts import Conflicts, find_conflicts
from .filed import FileRecord
from .inspection import Inspection
from .making import provenance
from .parameters import Case, Parameters
from .pars import Pars
from .past import as_of
from .plan import Plan
from .product import DataProduct, Selection, recipe
from .quality import QCFlag
from .release import SoftwareRelease
from .replicas import Replica
from .sets import freeze
from .timeline import Timeline, read_timeline, segments
from .verdicts import Verdict, because, judge
from .view import Lineage
from .workspace import Workspace, connect, opened

__all__ = [
    "Calibration",
    "CalibrationSet",
    "Campaign",
    "Candidate",
    "Case",
    "Conflicts",
    "DataProduct",
    "FileRecord",
    "Inspection",
    "Lineage",
    "Parameters",
    "Pars",
    "Plan",
    "QCFlag",
    "Replica",
    "Selection",
    "SoftwareRelease",
    "Timeline",
    "Verdict",
    "Workspace",
    "as_of",
    "because",
    "connect",
    "find_conflicts",
    "freeze",
    "judge",
    "new_hdf5",
    "opened",
    "pinned",
    "provenance",
    "read_timeline",
    "recipe",
    "segments",
    "why_chosen",
]
