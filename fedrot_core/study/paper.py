"""The numbers that the FedRot-LoRA paper reports (arXiv:2602.23638). This module holds none of our own."""

from __future__ import annotations

SOURCE = "arXiv:2602.23638"
MODEL = "RoBERTa-large on GLUE"

CLIENTS = (3, 10, 50)
ACCURACY_TASKS = "average of SST-2, QNLI, QQP, RTE, MNLI"
ACCURACY: dict[str, tuple[float, ...]] = {
    "fedit": (0.8712, 0.8362, 0.7680),
    "flexlora": (0.8698, 0.7966, 0.7066),
    "ffa": (0.8448, 0.8258, 0.7718),
    "rolora": (0.8862, 0.8786, 0.8244),
    "fedrot": (0.8932, 0.8818, 0.8734),
}
"""Accuracy by method name, with one entry for each of :data:`CLIENTS`, at r = 4, lora_alpha = 8, Dirichlet 0.5."""

ERRORS: dict[str, tuple[float, float]] = {
    "SST-2": (7.49e-3, 4.72e-4),
    "QNLI": (1.98e-3, 1.34e-4),
    "QQP": (1.04e-2, 8.70e-4),
    "RTE": (1.91e-3, 2.11e-4),
    "MNLI": (3.98e-3, 1.48e-4),
}
"""Absolute aggregation error of FedIT and of FedRot-LoRA by task, each along its own training run."""

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
BY_STRENGTH: dict[str, tuple[float, ...]] = {
    "MNLI": (0.866, 0.875, 0.876, 0.874, 0.872, 0.863),
    "QQP": (0.771, 0.832, 0.842, 0.829, 0.841, 0.832),
}
"""Accuracy by task, with one entry for each strength λ of :data:`STRENGTHS`; read off a plot."""

RANKS = (2, 4, 8, 16, 24)
BY_RANK: dict[str, tuple[float, ...]] = {
    "fedit": (0.844, 0.866, 0.861, 0.855, 0.857),
    "fedrot": (0.877, 0.876, 0.877, 0.865, 0.872),
}
"""Accuracy on MNLI by method name, with one entry for each rank of :data:`RANKS`."""

REPLICATION = {"fedit": 0.700, "fedrot": 0.702}
"""Accuracy of plain averaging and of FedRot-LoRA in an independent replication, on a model of 1B parameters with 5
clients."""

SETTING: dict[str, str] = {
    "Model": "RoBERTa-large, 24 layers of width 1024",
    "Data": "GLUE: SST-2, QNLI, QQP, RTE, MNLI",
    "Optimiser": "SGD, 20 local steps of batch 128",
    "Rounds": "250",
    "Adapter": "r = 4, lora_alpha = 8",
    "Split": "Dirichlet 0.5",
    "Frames": "as trained, from a shared start; its plots imply small turns, ‖R − I‖ about 1e-4 early and 0.03 late",
    "Error": "absolute, each method along its own run",
}
"""The settings under which the paper's numbers were made, by the name of each setting."""
