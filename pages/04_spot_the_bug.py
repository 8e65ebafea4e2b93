"""Spot the bug: what do mistakes found in public code do, and what evidence gives each of them away?"""

from app.bugs.screen import page

page()
