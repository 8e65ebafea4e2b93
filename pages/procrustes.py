"""Lesson: Procrustes, step by step"""

from app.components.lesson_player import lesson_page

lesson_page("procrustes")
