"""Quiz: what have you understood? Fresh numbers for everyone, or one quiz for a whole class by its link."""

from app.quiz.screen import page

page()
