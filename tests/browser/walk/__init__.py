"""Walks through the whole app in Chromium and looks at everything on the screen."""
