"""Figures: a trace and a view in, a Plotly figure out. Adding one is adding a file that registers a function.

No figure computes a metric: everything drawn is in the records. Neither torch nor Streamlit is imported here.
"""

import sys

from fedrot_core.figures.base import FIGURES, FigureEntry, View, drawn
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["FIGURES", "FigureEntry", "View", "drawn"]
