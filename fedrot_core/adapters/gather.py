"""What merging and aligning ask of adapters before they begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fedrot_core.adapters.adapter import Adapter
from fedrot_core.adapters.cohort import NO_ROTATION, REMEDIES, Cohort
from fedrot_core.adapters.diagnosis import checked_turn, cohort
from fedrot_core.adapters.layer_report import Shared
from fedrot_core.adapters.read import Source
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.errors import adapter_rule


def gathered(
    sources: Sequence[Source] | Source | Cohort,
    weights: Mapping[str, float] | None,
    should_stop: Callable[[], bool] | None,
) -> Cohort:
    """The clients of these sources.

    Raises:
        AdapterError: if no client can be read, or if weights are given to clients that have theirs.
        Cancelled: if ``should_stop`` says so.
    """
    if not isinstance(sources, Cohort):
        return cohort(sources, weights, None, should_stop)
    if weights is not None:
        raise adapter_rule("weights", "be left out for a cohort, which has its own", weights, "Give them to fr.cohort.")
    return sources


def checked_way(side: str, group: str, strength: float) -> None:
    """Check how clients are turned onto a reference.

    Raises:
        AdapterError: if an argument breaks a rule.
    """
    checked_turn(group, strength)
    if side not in ("A", "B"):
        raise adapter_rule("side", "be A or B", side, "Use A.")


def only_products(adapters: Sequence[Adapter]) -> None:
    """Refuse adapters whose update is not ``B A`` alone.

    Raises:
        AdapterError: if there is one; all are named.
    """
    odd = {a.name: ", ".join(a.beyond) or "a start that changes the base model" for a in adapters if _more(a)}
    if odd:
        got = "; ".join(f"{clean(name, 40)}: {why}" for name, why in [*odd.items()][:3])
        if len(odd) > 3:
            got += f"; and {len(odd) - 3} more"
        what = "have the update B A and nothing else to be merged or aligned"
        remedy = "Leave them out, or merge each into its model first."
        if any(adapter.settings.moves_base for adapter in adapters):
            remedy = "Leave them out, or save them again with PEFT's path_initial_model_for_weight_conversion."
        raise adapter_rule("Adapters", what, got, remedy)


def _more(adapter: Adapter) -> bool:
    return bool(adapter.beyond) or adapter.settings.moves_base


def can_turn(modules: Sequence[Shared]) -> None:
    """Refuse clients of different ranks where clients are turned.

    Raises:
        AdapterError: if there are some.
    """
    unlike = next((module for module in modules if not module.turns), None)
    if unlike is not None:
        got = f"ranks {', '.join(map(str, sorted(set(unlike.ranks))))} in {clean(unlike.name)}"
        raise adapter_rule("Clients that are turned", "have one rank", got, f"{NO_ROTATION}. {REMEDIES}")


def combinable(found: Cohort, adapters: Sequence[Adapter]) -> tuple[list[Shared], list[Refused]]:
    """The modules that can be combined, and those that cannot though all clients have them, and why.

    Args:
        found: all clients.
        adapters: those that count.

    Raises:
        AdapterError: if no module is left.
    """
    parameters = {frozenset(adapter.settings.parameters) for adapter in adapters}
    kept, left_out = [], []
    for module in found.modules:
        why = ""
        if len({adapter.modules[module.name].window for adapter in adapters}) > 1:
            why = "Its windows differ."
        elif module.kind == "experts" and len(parameters) > 1:
            why = "Clients adapt other parameters (target_parameters), whose order their names do not tell."
        if why:
            left_out.append(Refused(clean(module.name), why))
        else:
            kept.append(module)
    if not kept:
        raise adapter_rule("Clients", "share a module that can be combined", left_out[0].reason, "Leave some out.")
    return kept, left_out
