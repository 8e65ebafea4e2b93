"""Lesson: A toy lesson"""

from app.components.lesson_player import lesson_page

lesson_page("toy_lesson")
