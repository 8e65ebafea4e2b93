"""The game: a case number decides which mistake is hidden, so that a link holds a case without naming it."""

from fedrot_core.mistakes.base import MISTAKES, Mistake
from fedrot_core.rng import stream

CASES = 9999
"""Case numbers run from 1 to this; the case is also the run's seed."""


def hidden(case: int) -> Mistake:
    """The mistake of this case; the same on every machine."""
    names = sorted(MISTAKES)
    return MISTAKES[names[int(stream(case, "spot the bug").integers(len(names)))]]
