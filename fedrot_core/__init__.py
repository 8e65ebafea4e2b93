"""Federated LoRA: factor algebra, alignment, a batched training engine, aggregation methods, metrics, traces, studies
and figures.

``import fedrot_core as fr`` makes available what a notebook needs, such as ``fr.run`` and ``fr.align``. Each name loads
the module behind it when it is first used. The package does not depend on the app.
"""

import lazy_loader

ENGINE_VERSION = "6"
"""Changes whenever the same config may give different numbers; it is part of every cache key and trace."""

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
