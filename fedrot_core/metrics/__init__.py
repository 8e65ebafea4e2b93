"""The metrics that are measured in every round, for all layers at once.

Letters: L layers, K clients, r rank, and S = min(K, SHOWN_CLIENTS) clients in pairwise and drawn quantities. Everything
is computed in float64, in coordinates of the span of the factors (:func:`fedrot_core.factors.compressed`), so that no
``d_out x d_in`` product is formed if the factors are thinner.
"""

from fedrot_core.metrics.arrows import FEATURES, PATH_STEPS, arrow_plane, longest_columns
from fedrot_core.metrics.errors import relative_errors
from fedrot_core.metrics.measured import SHOWN_CLIENTS, Measured, measure

__all__ = [
    "FEATURES",
    "PATH_STEPS",
    "SHOWN_CLIENTS",
    "Measured",
    "arrow_plane",
    "longest_columns",
    "measure",
    "relative_errors",
]
