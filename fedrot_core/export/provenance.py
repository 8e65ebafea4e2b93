"""Where saved numbers come from, in one line: pictures, slides, sheets and files all carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig

NAME = "FedRot Lab"


def line(*parts: str, version: str = ENGINE_VERSION) -> str:
    """``FedRot Lab · run 0123, seed 0 · engine 3``: every way to say it goes through here; empty parts are left out."""
    return " · ".join(part for part in (NAME, *parts, f"engine {version}") if part)


@dataclass(frozen=True)
class Provenance:
    """The line under a saved figure, and what its file says for programs.

    Attributes:
        text: the line.
        config: hash of the run, comparison or map; empty where there is none.
        seed: of the run, or of the first one.
        version: of the engine.
    """

    text: str = NAME
    config: str = ""
    seed: int | None = None
    version: str = ENGINE_VERSION

    @classmethod
    def of_run(
        cls, config: FederationConfig, shown: str = "", version: str = ENGINE_VERSION, checksum: str = ""
    ) -> Provenance:
        """Of what comes from one run.

        Args:
            shown: what of it is shown; checksum: of its numbers.
        """
        what = f"run {config.hash}, seed {config.seed}"
        check = f"checksum {checksum}" if checksum else ""
        return cls(
            line(what, ", ".join(settings(config)), shown, check, version=version), config.hash, config.seed, version
        )

    @classmethod
    def of_study(cls, what: str, config: FederationConfig, shown: str = "", varied: Sequence[str] = ()) -> Provenance:
        """Of what comes from many runs around ``config``.

        Args:
            what: names them, such as ``"comparison 0123-5"``; shown: how many of them are done.
            varied: URL keys of settings that differ from run to run, so that none of their values is true of all.
        """
        fixed = ", ".join(settings(config, varied))
        return cls(line(f"{what}, seed {config.seed}", fixed, shown), config.hash, config.seed)


def settings(config: FederationConfig, varied: Sequence[str] = ()) -> list[str]:
    """Skew and rank, then what else differs from the defaults, as flags say it; methods and seed are said elsewhere.

    Args:
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
