"""Everything that can be saved from the lab: run files, traces, code, figures, lecture packs and take-home pages."""
