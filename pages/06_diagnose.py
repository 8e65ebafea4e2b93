"""Diagnose: what does averaging these clients' adapters lose, how much of it does a rotation remove, what to use?"""

from app.diagnose.screen import page

page()
