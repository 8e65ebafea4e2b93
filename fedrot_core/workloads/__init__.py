"""Workloads: what clients learn. To add one, add a file that registers a :class:`Task`."""

import sys

from fedrot_core.registry import import_all
from fedrot_core.workloads.base import POOLED, WORKLOADS, RowGroup, Task, Workload, build_task

import_all(sys.modules[__name__])

__all__ = ["POOLED", "WORKLOADS", "RowGroup", "Task", "Workload", "build_task"]
