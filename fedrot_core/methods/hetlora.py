"""HetLoRA by zero-padding: clients of lower rank fill up with zeros, the server averages, each cuts its own part."""

from fedrot_core.methods.base import register
from fedrot_core.methods.fedit import FedIT


@register(
    "hetlora", label="HetLoRA (zero-padding)", paper="arXiv:2401.06432", hue="orange", dash="dash", symbol="square"
)
class HetLora(FedIT):
    """FedIT for mixed ranks; with equal ranks it is FedIT."""

    idea = "For clients of different rank: fills smaller factors up with zeros, then averages."
    mixed_ranks = True
