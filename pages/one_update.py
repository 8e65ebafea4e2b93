"""Lesson: One update, many frames"""

from app.components.lesson_player import lesson_page

lesson_page("one_update")
