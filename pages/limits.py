"""Lesson: What rotation cannot fix"""

from app.components.lesson_player import lesson_page

lesson_page("limits")
