"""Lesson: A toy lesson"""

from app.lesson.screen import page

page("toy_lesson")
