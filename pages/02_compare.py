"""Compare: which method should I choose here, and why?"""

from app.compare.screen import page

page()
