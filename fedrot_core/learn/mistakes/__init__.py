"""Mistakes found in public code of federated LoRA, each as a faulty copy of a correct method."""

import sys

from fedrot_core.learn.mistakes.base import MISTAKES, Faulty, Mistake
from fedrot_core.registry import import_all

import_all(sys.modules[__name__])

__all__ = ["MISTAKES", "Faulty", "Mistake"]
