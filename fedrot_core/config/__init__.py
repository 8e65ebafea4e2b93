"""The configuration of a run: its sections, their fields, and what is known of each field."""

from fedrot_core.config.fields import (
    AlignmentConfig,
    DataConfig,
    FederationConfig,
    FramesConfig,
    LoraConfig,
    ServerConfig,
    Skew,
    TaskConfig,
    TrainConfig,
    leaves,
)
from fedrot_core.config.option import Leaf, Option, Section, option

__all__ = [
    "AlignmentConfig",
    "DataConfig",
    "FederationConfig",
    "FramesConfig",
    "Leaf",
    "LoraConfig",
    "Option",
    "Section",
    "ServerConfig",
    "Skew",
    "TaskConfig",
    "TrainConfig",
    "leaves",
    "option",
]
