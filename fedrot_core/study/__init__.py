"""Many runs and what they say: one plan, one verdict and one set of rows for page, command line and lecture pack.

Modules: ``comparison`` (which method here?), ``when`` (a map of settings: where does alignment matter?), ``replica``
(the paper's numbers beside ours), ``presets`` (starting points for a lecture); below them ``sweep`` (runs in batches),
``summary`` (what is kept of them, and statistics over seeds), ``seeds``, ``tables`` and ``plotted``.
"""
