"""HetLoRA by zero-padding: smaller factors are filled up with zeros and averaged; each client cuts out its part."""

from fedrot_core.methods.base import register
from fedrot_core.methods.fedit import FedIT


@register(
    "hetlora", label="HetLoRA (zero-padding)", paper="arXiv:2401.06432", hue="orange", dash="dash", symbol="square"
)
class HetLora(FedIT):
    """FedIT for clients of different rank. With equal ranks it is the same as FedIT."""

    idea = "For clients of different rank: fills smaller factors up with zeros, then averages."
    mixed_ranks = True
