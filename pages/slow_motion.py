"""Lesson: A round in slow motion"""

from app.components.lesson_player import lesson_page

lesson_page("slow_motion")
