"""Runs as files: run file, trace, script, notebook and link; and how a rerun compares with them."""
