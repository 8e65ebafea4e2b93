"""Figures in families: of a run (registered; a trace and a view in), of a study, of a lesson; and the kit they share.

No figure computes a metric: everything drawn is in the records. Neither torch nor Streamlit is imported here.
"""

from fedrot_core.figures import run
from fedrot_core.figures.kit.base import FIGURES, FigureEntry, View, drawn
from fedrot_core.registry import import_all

import_all(run)

__all__ = ["FIGURES", "FigureEntry", "View", "drawn"]
