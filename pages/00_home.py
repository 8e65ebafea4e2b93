"""Home: what this is, the effect on screen, three doors."""

from app.home.screen import page

page()
