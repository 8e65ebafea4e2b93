"""A run as a file: run file, trace, script, notebook, link; and whether it comes out again."""
