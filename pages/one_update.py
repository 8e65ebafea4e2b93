"""Lesson: One update, many frames"""

from app.lesson.screen import page

page("one_update")
