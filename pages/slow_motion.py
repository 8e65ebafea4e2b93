"""Lesson: A round in slow motion"""

from app.lesson.screen import page

page("slow_motion")
