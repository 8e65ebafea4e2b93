"""Figures of a run: a trace and a view in, a Plotly figure out. A new one is one file."""
