"""When does alignment matter, and when does it hurt? A map of settings around the session's config."""

from app.when.screen import page

page()
