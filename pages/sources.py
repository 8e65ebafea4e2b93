"""Lesson: Where does misalignment come from?"""

from app.components.lesson_player import lesson_page

lesson_page("sources")
