"""Floor 3: products, parameters, recipes, activities; closure, currency, provenance."""

from .ancestry.view import Lineage
from .calibration.calibrations import Calibration, CalibrationSet, pinned
from .calibration.choice import Candidate, why_chosen
from .calibration.conflicts import Conflicts, find_conflicts
from .calibration.sets import freeze
from .calibration.timeline import Timeline, read_timeline, segments
from .files.block import new_hdf5
from .files.filed import FileRecord
from .files.replicas import Replica
from .inspection import Inspection
from .making.making import provenance
from .making.release import SoftwareRelease
from .past import as_of
from .planning.campaigns import Campaign
from .planning.plan import Plan
from .product import DataProduct, Selection, recipe
from .quality.quality import QCFlag
from .quality.verdicts import Verdict, because, judge
from .recipes.parameters import Case, Parameters
from .recipes.pars import Pars
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
