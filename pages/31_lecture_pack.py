"""Lecture pack: how do I take this into my lecture?"""

from app.pack.screen import page

page()
