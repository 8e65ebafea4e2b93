"""Lesson: Where does misalignment come from?"""

from app.lesson.screen import page

page("sources")
