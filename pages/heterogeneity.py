"""Lesson: Heterogeneity and rank"""

from app.lesson.screen import page

page("heterogeneity")
