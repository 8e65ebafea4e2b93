"""Lesson: What rotation cannot fix"""

from app.lesson.screen import page

page("limits")
