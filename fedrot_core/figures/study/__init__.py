"""Figures of many runs: a comparison over seeds, the map of settings, the paper card. Plain numbers in."""
