"""Federated LoRA: factor algebra, alignment, batched engine, methods, metrics, traces. Knows nothing of Streamlit."""

ENGINE_VERSION = "3"
"""Changes whenever the same config may give other numbers; part of every cache key and trace."""
