"""Lecture packs: slides in three formats, pictures, data, and a worksheet with its answers, in one zip."""
