"""Studies of many runs. The app's pages, the command line and lecture packs share their plans, verdicts and rows.

Modules: ``comparison`` (which method to choose?), ``when`` (a map of settings: where does alignment matter?),
``replica`` (the paper's numbers beside ours), ``presets`` (starting points for a lecture) and ``spin`` (what turning
one client changes). They build on ``paper`` (the numbers that the paper reports), ``sweep`` (runs in batches),
``summary`` (what is kept of them, and statistics over seeds), ``seeds``, ``tables`` and ``plotted``.
"""
