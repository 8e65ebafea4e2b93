"""Aggregation methods. To add one, add a file that registers a :class:`Method`."""

import sys

from fedrot_core.methods.base import METHODS, Method, Outcome, RoundContext, ServerState, Upload
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["METHODS", "Method", "Outcome", "RoundContext", "ServerState", "Upload"]
