"""The trial products of the DPU's tests serve here as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "dpu" / "products"))
