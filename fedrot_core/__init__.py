"""Federated LoRA: factor algebra, alignment, batched engine, methods, metrics, traces, studies, figures.

``import fedrot_core as fr`` gives what a notebook needs; each name loads its part when it is first used. Knows nothing
of Streamlit.
"""

import lazy_loader

ENGINE_VERSION = "4"
"""Changes whenever the same config may give other numbers; part of every cache key and trace."""

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
