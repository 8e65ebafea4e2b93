"""Lessons: adding one is adding a file that registers a :class:`Lesson`. Nothing here imports Streamlit."""

import sys

from fedrot_core.learn.lessons.base import LESSONS, Lesson, Step
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["LESSONS", "Lesson", "Step"]
