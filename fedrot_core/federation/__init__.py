"""A federated run, and many in lockstep. ``setup``: what a config fixes; ``round``: one round, as the protocol has it;
``batch``: many rows as one program; ``recorder``: records of finished rounds; ``frames`` and ``server``: two of its
steps.
"""

from fedrot_core.federation.batch import lockstep
from fedrot_core.federation.recorder import Recorder
from fedrot_core.federation.round import Finished
from fedrot_core.federation.run import Federation

__all__ = ["Federation", "Finished", "Recorder", "lockstep"]
