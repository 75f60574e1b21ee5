"""Floor 4: the client's side of the DPU: work orders and jobs."""

from .client import DpuClient
from .dpu import Dpu, Job, submit
from .jobs import JobRecord, JobState
from .orders import WorkOrder

__all__ = ["Dpu", "DpuClient", "Job", "JobRecord", "JobState", "WorkOrder", "submit"]
