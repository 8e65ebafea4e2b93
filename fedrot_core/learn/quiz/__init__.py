"""Quiz questions with fresh numbers: adding a family is adding a file that registers templates."""

import sys

from fedrot_core.learn.quiz.base import TEMPLATES, Number, Pick, Question, Template, ask, nth, topics
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["TEMPLATES", "Number", "Pick", "Question", "Template", "ask", "nth", "topics"]
