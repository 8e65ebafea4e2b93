"""Quiz questions with fresh numbers: adding a family is adding a file that registers templates."""

import sys

from fedrot_core.quiz.base import TEMPLATES, TOPICS, Number, Pick, Question, Template, ask, nth
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["TEMPLATES", "TOPICS", "Number", "Pick", "Question", "Template", "ask", "nth"]
