"""Figures as files: SVG, PDF, PNG, offline HTML, CSV and JSON."""
