"""Figures of the lessons: the numbers of a worked example in, a Plotly figure out."""
