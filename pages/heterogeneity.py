"""Lesson: Heterogeneity and rank"""

from app.components.lesson_player import lesson_page

lesson_page("heterogeneity")
