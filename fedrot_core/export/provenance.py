"""One line that says where saved numbers come from. Pictures, slides, worksheets and files all carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig

NAME = "FedRot Lab"


def line(*parts: str, version: str = ENGINE_VERSION) -> str:
    """The line, such as ``FedRot Lab · run 0123, seed 0 · engine 3``. Empty parts are left out."""
    return " · ".join(part for part in (NAME, *parts, f"engine {version}") if part)


@dataclass(frozen=True)
class Provenance:
    """The line under a saved figure, and the same facts for programs that read its file.

    Attributes:
        text: the line.
        config: hash of the config of the run, or of the study's config; empty if there is none.
        seed: seed of the run, or of the first run of a study.
        version: version of the engine.
    """

    text: str = NAME
    config: str = ""
    seed: int | None = None
    version: str = ENGINE_VERSION

    @classmethod
    def of_run(
        cls, config: FederationConfig, shown: str = "", version: str = ENGINE_VERSION, checksum: str = ""
    ) -> Provenance:
        """The provenance of something that comes from one run.

        Args:
            config: config of the run.
            shown: what of the run is shown.
            version: version of the engine that made the numbers.
            checksum: checksum of the numbers.
        """
        what = f"run {config.hash}, seed {config.seed}"
        check = f"checksum {checksum}" if checksum else ""
        return cls(
            line(what, ", ".join(settings(config)), shown, check, version=version), config.hash, config.seed, version
        )

    @classmethod
    def of_study(cls, what: str, config: FederationConfig, shown: str = "", varied: Sequence[str] = ()) -> Provenance:
        """The provenance of something that comes from a study of many runs.

        Args:
            what: the name of the study, such as ``"comparison 0123-5"``.
            config: one of its configs.
            shown: how many of the runs are done.
            varied: URL keys of the settings that differ from run to run, and that the line therefore leaves out.
        """
        fixed = ", ".join(settings(config, varied))
        return cls(line(f"{what}, seed {config.seed}", fixed, shown), config.hash, config.seed)


def settings(config: FederationConfig, varied: Sequence[str] = ()) -> list[str]:
    """The skew and the rank, then all other settings that differ from the defaults, except for methods and seed.

    Args:
        config: the config.
        varied: URL keys to leave out.
    """
    skew, values = config.task.skew, config.values()
    told = {"rank", "arms", "seed", *([skew.key, *skew.also] if skew is not None else [])}
    words = [] if skew is None or skew.key in varied else [config.task.skew_in_words]
    words += [] if "rank" in varied else [f"rank {config.lora.rank}"]
    others = [
        f"{leaf.option.key} {leaf.text(leaf.get(config))}"
        for leaf in config.leaves()
        if leaf.option.key not in {*told, *varied} and leaf.get(config) != leaf.default and leaf.active(values)
    ]
    return [word for word in (*words, *others) if word]
