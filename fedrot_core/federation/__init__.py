"""Federated runs, one alone or many in lockstep.

Modules: ``setup`` (what a config fixes), ``round`` (one round of the protocol), ``frames`` and ``server`` (two of its
steps), ``batch`` (all rows as one batched program), ``recorder`` (records of finished rounds) and ``run`` (the class
:class:`Federation`).
"""

from fedrot_core.federation.batch import lockstep
from fedrot_core.federation.recorder import Recorder
from fedrot_core.federation.round import Finished
from fedrot_core.federation.run import Federation

__all__ = ["Federation", "Finished", "Recorder", "lockstep"]
