"""A figure as a file: SVG, PDF, PNG, offline HTML, CSV and JSON."""
