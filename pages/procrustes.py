"""Lesson: Procrustes, step by step"""

from app.lesson.screen import page

page("procrustes")
