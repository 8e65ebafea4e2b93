"""What rotation cannot fix: spans, the rank-r floor, and cases where aligning makes things worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from fedrot_core.config import AlignmentConfig, FederationConfig
from fedrot_core.figures.kit.base import View
from fedrot_core.figures.lesson.alignment_hurts import HarmByRound, Pull, harm_bars, pulls
from fedrot_core.figures.lesson.mismatch import Pose, Split, dials, spectrum, split_bars
from fedrot_core.figures.run.angles import angles
from fedrot_core.learn.examples.mismatch import RANK, Mismatch, SharedB, mismatch, shared_b
from fedrot_core.learn.lessons.base import (
    Choice,
    Curve,
    Estimate,
    Knob,
    Lesson,
    Runs,
    Scene,
    Step,
    Values,
    register,
)
from fedrot_core.records import mean_pair
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import degrees, percent

MOST_TILT = 80
"""At 90° no row of one span meets the other, so nothing would determine the turn."""

TILTS = tuple(range(0, MOST_TILT + 1, 10))
ASKED_TILTS = TILTS[::2]

SAME_ANGLE = 0.5
"""Degrees below which an angle counts as unmoved."""

SAME_ERROR = 1e-9

PULLS = {"soft": AlignmentConfig().strength, "full": 1.0}
"""Strengths of the turn on offer: the default's, and all the way."""


def _pair(values: Values) -> Mismatch:
    return mismatch(values["turn"], values["tilt"])


def _sent(m: Mismatch) -> Pose:
    return Pose(m.rows_sent, m.rotation_sent, m.principal_sent)


def _aligned(m: Mismatch) -> Pose:
    return Pose(m.rows_aligned, m.rotation_aligned, m.principal_aligned)


# Two ways to differ


def _asked_turn(values: Values) -> float:
    """The turn that the question is about: where the knob stands, or some turn if it stands at none."""
    return float(values["turn"]) or 90.0


def _two_ways_before(values: Values, runs: Runs) -> Scene:
    start = _sent(mismatch(0, values["tilt"]))
    return Scene(lambda mode: dials(start, mode, asked="Client 1's frame is about to turn. Which angle will move?"))


def _two_ways(values: Values, runs: Runs) -> Scene:
    m, unturned = _pair(values), mismatch(0, values["tilt"])
    facts = {
        "rotation": degrees(m.rotation_sent),
        "principal": degrees(m.principal_sent),
        "unturned": degrees(unturned.principal_sent),
    }
    return Scene(lambda mode: dials(_sent(m), mode), facts)


def _moved_by_turn(values: Values, runs: Runs) -> int:
    before, after = mismatch(0, values["tilt"]), mismatch(_asked_turn(values), values["tilt"])
    frame = abs(after.rotation_sent - before.rotation_sent) > SAME_ANGLE
    span = abs(after.principal_sent - before.principal_sent) > SAME_ANGLE
    return 2 if frame and span else 1 if span else 0


# Alignment


def _alignment_before(values: Values, runs: Runs) -> Scene:
    sent = _sent(_pair(values))
    return Scene(lambda mode: dials(sent, mode, asked="Client 1 will be aligned to client 0. What will still differ?"))


def _alignment(values: Values, runs: Runs) -> Scene:
    m = _pair(values)
    facts = {
        "rotation": degrees(m.rotation_sent),
        "left": degrees(m.rotation_aligned),
        "principal": degrees(m.principal_aligned),
    }
    return Scene(lambda mode: dials(_aligned(m), mode, was=_sent(m)), facts)


# A real run


def _real_runs(values: Values) -> tuple[FederationConfig, ...]:
    return (FederationConfig(),)


def _real(values: Values, runs: Runs) -> Scene:
    trace = cast(Sequence[Trace], runs)[0]
    last = trace.config.train.rounds - 1
    record = trace.at("fedrot", last)
    assert record is not None
    panels = (record.pairs.principal_A[0], record.pairs.factors_before[0], record.pairs.factors_after[0])
    spans, before, after = (degrees(mean_pair(p)) for p in panels)
    view = View("fedrot", last, client=-1)
    return Scene(
        lambda mode: angles(trace, View(view.arm, view.round_index, view.client, mode=mode)),
        {"spans": spans, "before": before, "after": after},
    )


# The floor


def _floor_before(values: Values, runs: Runs) -> Scene:
    level = mismatch(values["turn"], 0)
    asked = "The spans agree here. Once they tilt, what is the smallest error at this rank?"
    return Scene(lambda mode: spectrum(list(level.directions), RANK, 0, level.floor, mode, asked=asked))


def _floor(values: Values, runs: Runs) -> Scene:
    m = _pair(values)
    return Scene(
        lambda mode: spectrum(list(m.directions), RANK, float(values["tilt"]), m.floor, mode),
        {"floor": percent(m.floor), "tilt": degrees(values["tilt"]), "aligned": percent(m.aligned)},
    )


def _floor_percent(values: Values, runs: Runs) -> float:
    return 100 * _pair(values).floor


# The split


def _split(values: Values) -> Split:
    found = [mismatch(values["turn"], tilt) for tilt in TILTS]
    naive, aligned, floor = (np.array([getattr(m, name) for m in found]) for name in ("naive", "aligned", "floor"))
    at = int(np.abs(np.array(TILTS) - values["tilt"]).argmin())
    return Split(np.array(TILTS, dtype=float), floor, aligned - floor, naive - aligned, float(values["turn"]), at)


def _parts_before(values: Values, runs: Runs) -> Scene:
    split = _split(values)
    asked = "The naive error is known. How much of it is left after alignment?"
    return Scene(lambda mode: split_bars(split, mode, asked=asked))


def _parts(values: Values, runs: Runs) -> Scene:
    split = _split(values)

    def share(n: int) -> str:
        naive = split.floor[n] + split.rest[n] + split.removed[n]
        return percent(split.removed[n] / naive) if naive > SAME_ERROR else "nothing"

    facts = {"level": share(0), "steep": share(len(TILTS) - 1), "most": degrees(MOST_TILT)}
    return Scene(lambda mode: split_bars(split, mode), facts)


def _left_by_tilt(values: Values, runs: Runs) -> tuple[float, ...]:
    return tuple(100 * mismatch(values["turn"], tilt).aligned for tilt in ASKED_TILTS)


# Alignment hurts, in a small example


def _rows(found: SharedB) -> tuple[Pull, ...]:
    return (
        Pull("Distance of A", "blue", found.A_sent, found.A_aligned),
        Pull("Distance of B", "purple", found.B_sent, found.B_aligned),
        Pull("Error", "vermillion", found.naive, found.aligned),
    )


def _shared_before(values: Values, runs: Runs) -> Scene:
    rows = _rows(shared_b(values["turn"], values["tilt"]))
    asked = "Alignment moves the two A like this. What becomes of B and of the error?"
    return Scene(lambda mode: pulls(rows, mode, asked=asked))


def _shared(values: Values, runs: Runs) -> Scene:
    found = shared_b(values["turn"], values["tilt"])
    verdict = "Alignment hurts here" if found.aligned > found.naive + SAME_ERROR else "No harm done here"
    facts = {
        "verdict": verdict,
        "naive": percent(found.naive),
        "aligned": percent(found.aligned),
        "B_after": percent(found.B_aligned),
    }
    return Scene(lambda mode: pulls(_rows(found), mode), facts)


def _shared_answer(values: Values, runs: Runs) -> int:
    found = shared_b(values["turn"], values["tilt"])
    if abs(found.aligned - found.naive) <= SAME_ERROR:
        return 1
    return 2 if found.aligned > found.naive else 0


# Alignment hurts, in a real run


def _harm_runs(values: Values) -> tuple[FederationConfig, ...]:
    return (FederationConfig().with_values({"frames": "trained", "lam": PULLS[values["pull"]]}),)


def _harm(runs: Runs) -> HarmByRound:
    """From the naive arm's factors, without round 0, whose broadcast B = 0 determines no turn."""
    trace = cast(Sequence[Trace], runs)[0]
    records = trace.arm("fedit")[1:]
    by = {name: np.array([float(r.errors.ladder[RUNGS.index(name), -1]) for r in records]) for name in RUNGS[:3]}
    return HarmByRound(
        np.array([float(r.round_index) for r in records]),
        by["align_A"] / by["naive"] - 1,
        by["align_B"] / by["naive"] - 1,
        trace.config.align.strength,
    )


def _harmed_before(values: Values, runs: Runs) -> Scene:
    harm = _harm(runs)
    asked = "Aligning by A is shown. In how many rounds does aligning by B raise the error?"
    return Scene(lambda mode: harm_bars(harm, mode, asked=asked))


def _harmed(values: Values, runs: Runs) -> Scene:
    harm = _harm(runs)
    trace = cast(Sequence[Trace], runs)[0]
    scores = {name: trace.arm(name)[-1].score for name in ("fedit", "fedrot")}
    facts = {
        "raised": str(int((harm.by_B > 0).sum())),
        "rounds": str(len(harm.rounds)),
        "worst": percent(max(0.0, float(harm.by_B.max()))),
        "best": percent(max(0.0, -float(min(harm.by_A.min(), harm.by_B.min())))),
        "naive_score": percent(scores["fedit"]),
        "aligned_score": percent(scores["fedrot"]),
    }
    return Scene(lambda mode: harm_bars(harm, mode), facts)


def _raised(values: Values, runs: Runs) -> float:
    return float((_harm(runs).by_B > 0).sum())


register(
    Lesson(
        name="limits",
        title="What rotation cannot fix",
        question="Which differences between clients can a turn remove, and which can it not?",
        gist="A rotation changes frames and nothing else. Different spans, and what no update of rank r can "
        "hold, remain; where frames hardly differ, aligning can even do harm.",
        minutes=12,
        icon="block",
        knobs=(
            Knob("turn", "Turn", "How far client 1's frame is turned inside its span.", 60.0, 0.0, 180.0, 5.0, "°"),
            Knob(
                "tilt",
                "Tilt",
                "How far client 1's span leans out of client 0's.",
                30.0,
                0.0,
                float(MOST_TILT),
                5.0,
                "°",
            ),
            Knob(
                "pull",
                "Strength of alignment",
                "How far each client is turned towards the reference.",
                "soft",
                choices={
                    "soft": f"default, λ = {PULLS['soft']:g}",
                    "full": f"all the way, λ = {PULLS['full']:g}",
                },
            ),
        ),
        steps=(
            Step(
                title="Two ways to differ",
                text="The rows of a [[client]]'s [[A]] fill a plane, its [[span]]. The [[frame]] "
                "can turn inside it; or the plane itself can lean. The [[angle]] measures the first, the "
                "[[principal]] the second.",
                do="Predict, then move both sliders.",
                scene=_two_ways,
                before=_two_ways_before,
                after="The turn sets the rotation angle: {rotation}. The principal angle is "
                "{principal} with the turn and {unturned} without: it is [[invariant]].",
                knobs=("turn", "tilt"),
                play="turn",
                predict=Choice(
                    "Client 1's frame is turned inside its span. Which angle changes?",
                    (
                        "only the rotation angle",
                        "only the principal angle",
                        "both",
                    ),
                    _moved_by_turn,
                ),
                notes="These are two different numbers, often mixed up. Papers that show principal "
                "angles to prove rotational misalignment show the wrong one.",
            ),
            Step(
                title="Alignment removes the turn only",
                text="[[procrustes]] finds the turn that brings [[client]] 1's rows of [[A]] "
                "closest to client 0's. Dotted arrows show where they were before.",
                do="Predict, then tilt the [[span]] and watch what alignment can reach.",
                scene=_alignment,
                before=_alignment_before,
                after="The [[angle]] went from {rotation} to {left}. The [[principal]] is still {principal}: a turn "
                "moves rows inside their span and never leaves it.",
                knobs=("turn", "tilt"),
                play="tilt",
                predict=Estimate(
                    "After alignment, what is the principal angle between the two spans?",
                    0.0,
                    90.0,
                    1.0,
                    "°",
                    lambda values, runs: _pair(values).principal_aligned,
                ),
                notes="Two lines that cross do not become one line by turning the arrows drawn on them.",
            ),
            Step(
                title="The same in a real run",
                wide=True,
                text="Ten clients, last [[round]] of the default run. Left: [[principal|principal "
                "angles]] between their [[span|spans]]. Middle and right: angles between their [[factors]], as "
                "sent and turned.",
                do="Compare the middle map with the right one, then look left.",
                scene=_real,
                after="Turning brings the factors from {before} apart to {after}, on average. The "
                "spans stay {spans} apart: no turn changes the left map.",
                runs=_real_runs,
                notes="The left map shows the largest principal angle of each pair, so a weak direction counts like a "
                "strong one. That is why the errors are smaller than these angles suggest.",
            ),
            Step(
                title="The floor",
                text="Two [[client|clients]] with tilted [[span|spans]] fill more directions than "
                "one adapter of rank [[r]] can hold. What does not fit is the [[floor]].",
                do="Predict, then move the tilt; the turn changes nothing here.",
                scene=_floor,
                before=_floor_before,
                after="At a [[tilt]] of {tilt}, no adapter of this rank has an error below {floor}, "
                "however it is computed. The [[aligned]] reaches {aligned}.",
                knobs=("tilt", "turn"),
                play="tilt",
                predict=Estimate(
                    "At the chosen tilt, what is the smallest relative error that any adapter of this rank can reach?",
                    0.0,
                    60.0,
                    1.0,
                    "%",
                    _floor_percent,
                ),
                notes="Eckart and Young: the best approximation of rank r keeps the largest "
                "singular values. The floor is what the others hold, {floor} here.",
            ),
            Step(
                title="Three parts of one error",
                text="The [[naive|naive]] error is the [[floor]], plus what turning removes, plus "
                "the rest that a plain average of [[factors]] leaves.",
                do="Draw the error that is left after alignment, then lock in your prediction.",
                scene=_parts,
                before=_parts_before,
                after="With no [[tilt]], turning removes {level} of the error; at {most}, {steep}. The more "
                "[[span|spans]] differ, the less a turn is worth.",
                knobs=("turn", "tilt"),
                play="turn",
                predict=Curve(
                    "How large is the error after alignment, as the tilt grows?",
                    "tilt of client 1's span",
                    "relative error after alignment",
                    "%",
                    tuple(f"{tilt}°" for tilt in ASKED_TILTS),
                    0.0,
                    100.0,
                    _left_by_tilt,
                ),
                notes="The coloured top is all that alignment can win. The grey part is for a "
                "higher rank to win, and the green part for methods that combine products.",
            ),
            Step(
                title="When alignment hurts",
                text="Now both [[client|clients]] hold the same [[B]] and differ in [[A]] alone, "
                "so the [[naive]] is exact. FedRot still matches [[A]], and turns [[B]] along with it.",
                do="Predict, then try a [[tilt]] of 0°.",
                scene=_shared,
                before=_shared_before,
                after="{verdict}: the two [[B]] are now {B_after} apart, and the error goes from {naive} to {aligned}.",
                knobs=("turn", "tilt"),
                play="turn",
                predict=Choice(
                    "Alignment brings the two A's closer. What happens to the aggregation error?",
                    ("it falls", "it stays as it is", "it rises"),
                    _shared_answer,
                ),
                notes="Here the turn was no accident of the frame: it was part of what client 1 "
                "learned. The naive error comes from the product of both differences, so it is zero as long as "
                "B is shared.",
            ),
            Step(
                title="Harm in a real run",
                text="[[client|Clients]] start together and send their [[factors]] [[trained]]. We "
                "align them by [[A]], then instead by [[B]]. How does the [[naive|naive]] error change?",
                do="Predict, then set the strength [[lambda]] to “all the way”.",
                scene=_harmed,
                before=_harmed_before,
                after="Aligning by [[B]] raised the error in {raised} of {rounds} [[round|rounds]], "
                "by up to {worst} of itself; at best, alignment lowered it by {best}.",
                knobs=("pull",),
                predict=Estimate(
                    "In how many of the rounds after the first does aligning by [[B]] raise the error?",
                    0.0,
                    float(FederationConfig().train.rounds - 1),
                    1.0,
                    "rounds",
                    _raised,
                ),
                runs=_harm_runs,
                reads=("errors.ladder",),
                notes="Accuracy at the end: {naive_score} naive, {aligned_score} with FedRot-LoRA. "
                "From a shared start there is hardly any turn to remove, so alignment can do little but "
                "disturb.",
            ),
        ),
    )
)
