"""Heterogeneity and rank: how skewed data and the rank change what alignment gains, and where it gains nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fedrot_core.config import FederationConfig
from fedrot_core.figures.lesson.skew import (
    GAIN_RANGE,
    TIE_POINTS,
    Series,
    Way,
    error_lines,
    gain_line,
    score_lines,
    ways,
    who_holds,
)
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Knob, Lesson, Runs, Scene, Step, Values, register
from fedrot_core.methods import METHODS
from fedrot_core.study.plotted import Axis
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import percent, signed

ALPHAS = (0.1, 0.3, 1.0, 10.0)
RANKS = (1, 2, 4, 8)
SEEDS = (0, 1, 2)
OVER = f"{len(SEEDS)} seeds"
ROUNDS = 8
"""Rounds of every run of this lesson: enough for the curves to part, few enough to wait for."""

BASE = FederationConfig().with_values({"rounds": ROUNDS})
NAIVE, ALIGNED = BASE.methods

ALPHA_AXIS = Axis("Dirichlet α (small: few classes per client)", "α", ALPHAS)
RANK_AXIS = Axis("rank r", "rank", tuple(float(r) for r in RANKS))

SAME_ERROR = 1.1
"""Errors within this factor of each other count as about the same."""

SENT = {"svd": "re-factorised by SVD", "turned": f"turned {BASE.frames.angle:g}° apart", "trained": "as trained"}

Array = NDArray[np.float64]


def _summaries(runs: Runs) -> Sequence[RunSummary]:
    return cast(Sequence[RunSummary], runs)


def _final(run: RunSummary, arm: str) -> float:
    """The score after the last round."""
    return float(run.arms[arm].scores[-1])


def _gain(run: RunSummary) -> float:
    """Aligned minus naive final score, in points."""
    return 100 * (_final(run, ALIGNED) - _final(run, NAIVE))


def _by_seed(runs: Runs, value: Callable[[RunSummary], float]) -> Array:
    """(positions, seeds), from runs asked for position by position."""
    return np.array([value(run) for run in _summaries(runs)]).reshape(-1, len(SEEDS))


def _series(name: str, hue: str, dash: str, symbol: str, values: Array) -> Series:
    """Least, middle and greatest along the last axis."""
    return Series(name, hue, dash, symbol, values.min(-1), np.median(values, -1), values.max(-1))


def _gains(runs: Runs) -> Series:
    return _series("gain", "ink", "solid", "circle", _by_seed(runs, _gain))


def _scores(runs: Runs) -> tuple[Series, Series]:
    """Naive and aligned, in the style of their methods."""

    def one(arm: str, name: str) -> Series:
        card = METHODS[arm].card
        return _series(name, card.hue, card.dash, card.symbol, _by_seed(runs, lambda run: _final(run, arm)))

    return one(NAIVE, "naive"), one(ALIGNED, "aligned")


def _start(runs: Runs) -> float:
    return float(np.median([run.start_score for run in _summaries(runs)]))


# Who holds what


def _holding_runs(values: Values) -> tuple[FederationConfig, ...]:
    """One step of training is enough: only the split is looked at. The second is dealt evenly."""
    short = FederationConfig().with_values({"rounds": 1, "steps": 1})
    return short.with_values({"alpha": float(values["skew"])}), short.with_values({"split": "iid"})


def _counts(runs: Runs) -> tuple[Array, Array]:
    """(K, classes) of the chosen split and of the even one."""
    skewed, even = (np.array(trace.task.class_counts) for trace in cast(Sequence[Trace], runs))
    return skewed, even


def _top_share(counts: Array) -> float:
    """Mean over clients of the share of the commonest class."""
    return float((counts.max(1) / counts.sum(1)).mean())


def _holdings_before(values: Values, runs: Runs) -> Scene:
    even = _counts(runs)[1]
    asked = "Dealt evenly, the data look like this. How do they look after the Dirichlet split?"
    return Scene(lambda mode: who_holds(even, _top_share(even), "dealt evenly", mode, asked=asked))


def _holdings(values: Values, runs: Runs) -> Scene:
    counts, even = _counts(runs)
    different = (counts > 0).sum(1)
    facts = {
        "share": percent(_top_share(counts)),
        "even": percent(_top_share(even)),
        "least": str(int(different.min())),
        "most": str(int(different.max())),
        "all": str(counts.shape[1]),
    }
    label = f"α {float(values['skew']):g}"
    return Scene(lambda mode: who_holds(counts, _top_share(even), label, mode), facts)


def _top_percent(values: Values, runs: Runs) -> float:
    return 100 * _top_share(_counts(runs)[0])


# Gain over α


def _alpha_runs(values: Values) -> tuple[FederationConfig, ...]:
    setting = {"frames": values["sent"], "rank": int(values["inner"])}
    return tuple(BASE.with_values(setting | {"alpha": alpha, "seed": seed}) for alpha in ALPHAS for seed in SEEDS)


def _alpha_before(values: Values, runs: Runs) -> Scene:
    asked = "How many points does alignment gain as the data become less skewed?"
    return Scene(lambda mode: gain_line(_gains(runs), ALPHA_AXIS, OVER, mode, asked=asked))


def _alpha_gain(values: Values, runs: Runs) -> Scene:
    gain = _gains(runs)
    change = float(gain.median[0] - gain.median[-1])
    verdict = "about the same as" if abs(change) < TIE_POINTS else "more than" if change > 0 else "less than"
    facts = {
        "skewed": signed(float(gain.median[0])),
        "even": signed(float(gain.median[-1])),
        "verdict": verdict,
        "sent": SENT[values["sent"]],
    }
    return Scene(lambda mode: gain_line(gain, ALPHA_AXIS, OVER, mode), facts)


def _median_gains(values: Values, runs: Runs) -> tuple[float, ...]:
    return tuple(float(g) for g in _gains(runs).median)


# Why


def _why_before(values: Values, runs: Runs) -> Scene:
    asked = "Both averages start at the dotted line. Which one suffers from skewed data?"
    return Scene(lambda mode: score_lines(_scores(runs), _start(runs), ALPHA_AXIS, OVER, mode, asked=asked))


def _falls(runs: Runs) -> tuple[float, float]:
    """By how many points the naive and the aligned score are lower at the most skewed split than at the evenest."""
    naive, aligned = (100 * float(line.median[-1] - line.median[0]) for line in _scores(runs))
    return naive, aligned


def _suffers(values: Values, runs: Runs) -> int:
    naive, aligned = (fall > TIE_POINTS for fall in _falls(runs))
    return 2 if naive and aligned else 0 if naive else 1 if aligned else 3


REASONS = (
    "Skew costs the naive average, and alignment makes up for it",
    "Skew costs what alignment had won; the naive average had little to lose",
    "Skew costs both, and no turn gives it back",
    "Skew costs neither here",
)
"""What each answer of :func:`_suffers` means."""


def _why(values: Values, runs: Runs) -> Scene:
    lines, start = _scores(runs), _start(runs)
    naive, aligned = lines
    facts = {
        "naive_even": percent(naive.median[-1]),
        "naive_skewed": percent(naive.median[0]),
        "aligned_even": percent(aligned.median[-1]),
        "aligned_skewed": percent(aligned.median[0]),
        "reason": REASONS[_suffers(values, runs)],
    }
    return Scene(lambda mode: score_lines(lines, start, ALPHA_AXIS, OVER, mode), facts)


# Gain over rank


def _rank_runs(values: Values) -> tuple[FederationConfig, ...]:
    return tuple(BASE.with_values({"frames": values["sent"], "rank": r, "seed": s}) for r in RANKS for s in SEEDS)


def _rank_before(values: Values, runs: Runs) -> Scene:
    asked = "How many points does alignment gain as the rank grows?"
    return Scene(lambda mode: gain_line(_gains(runs), RANK_AXIS, OVER, mode, asked=asked))


def _rank_gain(values: Values, runs: Runs) -> Scene:
    gain = _gains(runs)
    facts = {"one": signed(float(gain.median[0])), "most": signed(float(gain.median.max()))}
    return Scene(lambda mode: gain_line(gain, RANK_AXIS, OVER, mode), facts)


# Error over rank


def _error_runs(values: Values) -> tuple[FederationConfig, ...]:
    return tuple(BASE.with_values({"frames": values["sent"], "rank": r}) for r in RANKS)


def _errors(runs: Runs) -> tuple[Series, Series, Series]:
    """Naive, aligned and floor over the rank; over the rounds after the first, since round 0 is never aligned."""
    traces = cast(Sequence[Trace], runs)
    own = {
        arm: np.array([[float(r.errors.own[-1]) for r in t.arm(arm)[1:]] for t in traces]) for arm in (NAIVE, ALIGNED)
    }
    floor = np.array([[float(r.errors.ladder[RUNGS.index("floor"), -1]) for r in t.arm(ALIGNED)[1:]] for t in traces])

    def style(arm: str) -> tuple[str, str, str]:
        card = METHODS[arm].card
        return card.hue, card.dash, card.symbol

    return (
        _series("naive", *style(NAIVE), own[NAIVE]),
        _series("aligned", *style(ALIGNED), own[ALIGNED]),
        _series("rank-r floor", "muted", "dot", "diamond", floor),
    )


OVER_ROUNDS = f"{ROUNDS - 1} rounds"


def _errors_before(values: Values, runs: Runs) -> Scene:
    asked = "Grey: the error that no adapter of each rank can avoid. What does the naive error do?"
    return Scene(lambda mode: error_lines(_errors(runs), RANK_AXIS, OVER_ROUNDS, mode, asked=asked))


def _errors_scene(values: Values, runs: Runs) -> Scene:
    lines = _errors(runs)
    naive, aligned, floor = lines
    facts = {
        "naive_low": percent(naive.median[0]),
        "naive_high": percent(naive.median[-1]),
        "aligned_high": percent(aligned.median[-1]),
        "floor_high": percent(floor.median[-1]),
    }
    return Scene(lambda mode: error_lines(lines, RANK_AXIS, OVER_ROUNDS, mode), facts)


def _naive_over_rank(values: Values, runs: Runs) -> int:
    naive = _errors(runs)[0].median
    ratio = float(naive[-1] / naive[0])
    return 2 if ratio > SAME_ERROR else 0 if ratio < 1 / SAME_ERROR else 1


# Where it does not matter

WAYS = (
    ("svd", 10.0, 4),
    ("svd", 0.5, 8),
    ("trained", 10.0, 4),
    ("trained", 0.5, 8),
    ("trained", 0.1, 4),
)
"""(frames, α, rank): similar data, high rank, and clients in one frame: with either, and with skewed data."""


def _way_runs(values: Values) -> tuple[FederationConfig, ...]:
    return tuple(
        BASE.with_values({"frames": sent, "alpha": alpha, "rank": rank, "seed": seed})
        for sent, alpha, rank in WAYS
        for seed in SEEDS
    )


def _ways(runs: Runs) -> tuple[Way, ...]:
    naive, aligned = _scores(runs)
    gain = _gains(runs)
    names = [("by SVD" if sent == "svd" else SENT[sent], f"α {alpha:g}, rank {rank}") for sent, alpha, rank in WAYS]
    return tuple(
        Way(
            *name, float(naive.median[n]), float(aligned.median[n]),
            (float(gain.low[n]), float(gain.median[n]), float(gain.high[n])),
        )
        for n, name in enumerate(names)
    )  # fmt: skip


def _ways_before(values: Values, runs: Runs) -> Scene:
    asked = "In which of these settings does alignment make no difference?"
    return Scene(lambda mode: ways(_ways(runs), _start(runs), OVER, mode, asked=asked))


def _ways_scene(values: Values, runs: Runs) -> Scene:
    rows = _ways(runs)
    trained = [row for row, way in zip(rows, WAYS, strict=True) if way[0] == "trained"]
    others = [row for row, way in zip(rows, WAYS, strict=True) if way[0] != "trained"]
    facts = {
        "low": signed(min(row.gain[1] for row in trained)),
        "high": signed(max(row.gain[1] for row in trained)),
        "least": signed(min(row.gain[1] for row in others)),
        "worst": signed(min(row.gain[0] for row in trained)),
        "even": percent(trained[0].aligned),
        "skewed": percent(trained[-1].aligned),
    }
    return Scene(lambda mode: ways(rows, _start(runs), OVER, mode), facts)


def _no_difference(values: Values, runs: Runs) -> int:
    """Which single condition goes with a gain below :data:`TIE_POINTS` in all of its settings; else the last one."""
    small = {way: abs(row.gain[1]) < TIE_POINTS for way, row in zip(WAYS, _ways(runs), strict=True)}
    conditions: tuple[Callable[[tuple[str, float, int]], bool], ...] = (
        lambda way: way[1] == 10.0,
        lambda way: way[2] == 8,
        lambda way: way[0] == "trained",
    )
    true = [n for n, holds in enumerate(conditions) if all(small[way] for way in WAYS if holds(way))]
    return true[0] if len(true) == 1 else len(conditions)


register(
    Lesson(
        name="heterogeneity",
        title="Heterogeneity and rank",
        question="How do skewed data and the rank change what alignment gains?",
        gist="Skewed data make clients learn different things, and no rotation can undo that. What alignment "
        "gains depends on how factors are sent, on the skew and on the rank together: measure it for your "
        "setting.",
        minutes=12,
        icon="groups",
        knobs=(
            Knob(
                "skew",
                "Split",
                "How differently digit classes are spread over clients.",
                f"{ALPHAS[0]:g}",
                choices={f"{alpha:g}": f"Dirichlet α = {alpha:g}" for alpha in ALPHAS},
            ),
            Knob(
                "sent",
                "How factors reach the server",
                "In which frames the clients' factors arrive.",
                "svd",
                choices=SENT,
            ),
            Knob(
                "inner",
                "Rank of the adapters",
                "Inner dimension of the two factors.",
                str(BASE.lora.rank),
                choices={str(rank): f"r = {rank}" for rank in RANKS[1:]},
            ),
        ),
        steps=(
            Step(
                title="Who holds what",
                text="[[heterogeneity|Heterogeneity]] here means label skew: a [[client]] holds "
                "some digit classes and lacks others. The Dirichlet parameter [[alpha]] sets how much.",
                do="Predict, then try the other splits.",
                scene=_holdings,
                before=_holdings_before,
                after="The most common digit makes up {share} of a client's data on average, "
                "against {even} if dealt evenly. Clients hold {least} to {most} of the {all} classes.",
                knobs=("skew",),
                predict=Estimate(
                    "On average, what share of a client's data is its most common digit?",
                    0.0,
                    100.0,
                    1.0,
                    "%",
                    _top_percent,
                ),
                runs=_holding_runs,
                reads=(),
                notes="A small α means strong skew. Columns are clients; an empty cell is a digit "
                "that this client never sees in training, although the test asks for all {all}.",
            ),
            Step(
                title="Does skew make alignment pay?",
                text="[[client|Clients]] with skewed data learn different things. Is aligning "
                "worth more then? The [[gain]] is the accuracy of the [[aligned]] minus that of the [[naive]].",
                do="Draw the gain at each [[alpha]], then lock in your prediction.",
                scene=_alpha_gain,
                before=_alpha_before,
                after="At the strongest skew alignment gains {skewed} points, {verdict} the {even} "
                "at the weakest. Factors arrived {sent}.",
                knobs=("sent", "inner"),
                predict=Curve(
                    "How many points does alignment gain at each Dirichlet parameter?",
                    "Dirichlet α",
                    "gain",
                    "points",
                    tuple(f"{alpha:g}" for alpha in ALPHAS),
                    *GAIN_RANGE,
                    _median_gains,
                ),
                runs=_alpha_runs,
                whole=False,
                notes="Many expect skew to make alignment pay more. Whiskers run from the lowest to "
                "the highest seed. The runs are short, so later rounds may still change the numbers.",
            ),
            Step(
                title="Whose score moves?",
                text="The [[gain]] is a difference: it shrinks when the [[aligned]] gets worse or the [[naive]] gets "
                "better, so look at both.",
                do="Predict, then compare the two ends of each line.",
                scene=_why,
                before=_why_before,
                after="{reason}. Aligned: {aligned_even} at the weakest skew, {aligned_skewed} at the strongest; "
                "naive: {naive_even} and {naive_skewed}.",
                knobs=("sent", "inner"),
                predict=Choice(
                    "Whose score is more than 2 points lower under the strongest skew than under the weakest?",
                    ("only the naive average's", "only the aligned average's", "both", "neither"),
                    _suffers,
                ),
                runs=_alpha_runs,
                whole=False,
                notes="Two losses look alike: factors in different frames, which a turn mends, and "
                "clients that learned different things, which it does not.",
            ),
            Step(
                title="Does rank make alignment pay?",
                text="At rank [[r]], a [[frame]] has [[r]] axes. The data and the number of rounds "
                "stay; only the rank changes.",
                do="Draw the [[gain]] at each rank, then lock in your prediction.",
                scene=_rank_gain,
                before=_rank_before,
                after="At rank 1 the gain is {one}: with one axis the only [[rotation]] is the "
                "identity, so a flipped sign stays. The best rank gains {most} points.",
                knobs=("sent",),
                predict=Curve(
                    "How many points does alignment gain at each rank?",
                    "rank",
                    "gain",
                    "points",
                    tuple(str(rank) for rank in RANKS),
                    *GAIN_RANGE,
                    _median_gains,
                ),
                runs=_rank_runs,
                whole=False,
                notes="With reflections allowed, in O(1), rank 1 could flip a sign. The paper's "
                "method allows rotations only.",
            ),
            Step(
                title="Error, rank and floor",
                text="A higher rank [[r]] can hold more of the [[ideal]]; the [[floor]] is what it "
                "cannot hold. How much of the new room do the two averages use?",
                do="Predict, then send the [[factors]] [[trained]].",
                scene=_errors_scene,
                before=_errors_before,
                after="The [[naive|naive]] error goes from {naive_low} at rank 1 to {naive_high} at "
                "the highest. There the aligned one is {aligned_high}, the floor {floor_high}.",
                knobs=("sent",),
                predict=Choice(
                    "From the lowest to the highest rank, what does the error of the naive average do?",
                    ("it falls", "it stays about the same", "it rises"),
                    _naive_over_rank,
                ),
                runs=_error_runs,
                reads=("errors.own", "errors.ladder"),
                notes="One seed; whiskers run over rounds. A higher rank makes room, but only "
                "factors in one common frame can use it.",
            ),
            Step(
                title="When it does not matter",
                text="Under which condition does [[aligned|aligning]] make no difference, that is, less than 2 points "
                "either way?",
                do="State the condition, then lock in your prediction.",
                scene=_ways_scene,
                before=_ways_before,
                after="Sent [[trained]], alignment gains {low} to {high} points; re-factorised by [[svd]], at least "
                "{least}. Skew itself still costs: as trained, the aligned score falls from {even} at the least skew "
                "to {skewed} at the strongest.",
                predict=Choice(
                    "Under which condition does alignment make no difference?",
                    (
                        "when all clients hold similar data",
                        "when the rank is high",
                        "when clients start together and send their factors as trained",
                        "under none of these",
                    ),
                    _no_difference,
                ),
                runs=_way_runs,
                whole=False,
                notes="Medians hide single seeds: as trained, the worst one gains {worst} points. Under "
                "stronger skew, or with few participants, more of them lose. If the frames already agree, leave them "
                "alone.",
            ),
        ),
    )
)
