"""Where misalignment comes from: four sources measured on real runs, and why a gradient alone hardly turns a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from fedrot_core.config import FederationConfig
from fedrot_core.figures.lesson.sources import Score, Source, by_round, gains, strip
from fedrot_core.figures.lesson.turns import Turning, degrees_of, turning
from fedrot_core.learn.examples.frame_turns import CLIENTS, PACES, PLANES, STEPS, FrameTurns, frame_turns
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Knob, Lesson, Runs, Scene, Step, Values, register
from fedrot_core.records import Array, RoundRecord
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import Trace
from fedrot_core.wording import degrees, percent

SOURCES = {"trained": "as trained", "independent": "separate starts", "svd": "SVD", "turned": "on purpose"}
"""Kinds of frames, as the config calls them, and what they are called here."""

WAYS = ("training from a shared start", "separate random starts", "re-factorising by SVD", "turning on purpose")
"""The same as answers to a question."""

OPTIMISERS: dict[str, dict[str, Any]] = {"adam": {}, "sgd": {"opt": "sgd", "lr": 0.05}}
"""Adam at the lab's defaults; SGD at a rate that learns and never diverges on these clients."""

OPTIMISER_HELP = f"Learning rates: Adam {FederationConfig().train.learning_rate:g}, SGD {OPTIMISERS['sgd']['lr']:g}."

PLANTED = 90.0
PLANTED_ANGLE = {"turned": {"theta": PLANTED}}
LAYER = 0
SEEDS = 3

LAST = FederationConfig().train.rounds - 1
MOMENTS = {"0": "round 0", "1": "round 1", str(LAST): "last round"}
ASKED_ROUNDS = (0, 1, 2, LAST // 2, LAST)

LIMIT, TOP = 0.125, 22.0
"""Ranges that hold every dot and line of :func:`frame_turns` at every pace, so that axes never move."""

PLANE_LABELS = {str(n): f"axes {i + 1}, {j + 1}" for n, (i, j) in enumerate(PLANES)}

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

CANCELS = 1e-5
"""A sum of cosines below this is float32 rounding."""

SCORE_TIE = 0.02
"""A change of the final score by less than two points is called none."""


# Runs

READS = ("turns.angles", "turns.reflected")


def _configs(values: Values, seeds: int = 1) -> tuple[FederationConfig, ...]:
    """One run for each source and seed; the first of all is the lab's default where the optimiser is Adam."""
    return tuple(
        FederationConfig().with_values(
            {"frames": name, "seed": seed, **PLANTED_ANGLE.get(name, {}), **OPTIMISERS[values["optim"]]}
        )
        for name in SOURCES
        for seed in range(seeds)
    )


def _many(values: Values) -> tuple[FederationConfig, ...]:
    return _configs(values, SEEDS)


def _record(trace: Trace, round_index: int) -> RoundRecord:
    found = trace.at("fedit", round_index)
    assert found is not None, "the naive arm runs in every round"
    return found


def _angles(trace: Trace, round_index: int) -> Array:
    """(K,) the largest angle of each client's best turn onto the clients' common mean."""
    found: Array = np.abs(_record(trace, round_index).turns.angles[LAYER]).max(1)
    return found


def _traces(runs: Runs) -> dict[str, Trace]:
    return dict(zip(SOURCES, cast(Sequence[Trace], runs), strict=True))


# Four sources


def _sources(runs: Runs, round_index: int, hidden: bool = False) -> list[Source]:
    return [
        Source(name, SOURCES[name], None if hidden else _angles(trace, round_index),
               _record(trace, round_index).turns.reflected[LAYER])
        for name, trace in _traces(runs).items()
    ]  # fmt: skip


def _medians(runs: Runs, round_index: int) -> dict[str, float]:
    return {name: float(np.median(_angles(trace, round_index))) for name, trace in _traces(runs).items()}


def _strip_before(question: str, hidden: bool) -> Callable[[Values, Runs], Scene]:
    def scene(values: Values, runs: Runs) -> Scene:
        shown = _sources(runs, int(values["when"]), hidden)
        return Scene(lambda mode: strip(shown, question, question, mode))

    return scene


def _four(values: Values, runs: Runs) -> Scene:
    t = int(values["when"])
    shown, medians = _sources(runs, t), _medians(runs, t)
    most = max(medians, key=lambda name: medians[name])
    title = f"Turned furthest in round {t}: {SOURCES[most]}, the median client by {degrees(medians[most])}"
    listed = ", ".join(f"{SOURCES[name]} {degrees(angle)}" for name, angle in medians.items())
    facts = {name: degrees(angle) for name, angle in medians.items()} | {"round": str(t)}
    return Scene(lambda mode: strip(shown, title, f"{title}. Medians: {listed}.", mode), facts)


def _furthest(values: Values, runs: Runs) -> int:
    medians = _medians(runs, int(values["when"]))
    return list(SOURCES).index(max(medians, key=lambda name: medians[name]))


# The gradient, SGD and Adam


def _turns(values: Values) -> FrameTurns:
    return frame_turns(str(values["pace"]))


def _turning(values: Values, title: str, dots: str = "", lines: str = "", chosen: bool = False) -> Scene:
    """The figure with the named optimisers' dots and lines."""
    turns, pair = _turns(values), _chosen(values)
    along = {"sgd": turns.along["gradient"], "adam": turns.along["adam"]}
    shown = Turning(
        parts={name: along[name].reshape(-1, 2) for name in dots.split()},
        angles={name: turns.degrees[name] for name in lines.split()},
        chosen=("client 0, chosen plane", *pair) if chosen else None,
        limit=LIMIT,
        top=TOP,
        steps=STEPS,
    )
    alt = title if title[-1] in ".?" else f"{title}."
    a, b = (f"{v:.4f}" for v in pair)
    worked = (
        ("The gradient along a turn by X, over both lengths: A's part, B's part, their sum",
         rf"\frac{{\langle \nabla_A, -XA\rangle + \langle \nabla_B, BX\rangle}}{{\|\nabla\|\,\|(-XA, BX)\|}}"
         rf" = {a} + ({b}) = {sum(pair):.4f}"),
    )  # fmt: skip
    return Scene(lambda mode: turning(shown, title, alt, mode), _turn_facts(values), worked if chosen else ())


def _chosen(values: Values) -> tuple[float, float]:
    """The gradient's part of A and of B for client 0 and the chosen plane."""
    part_A, part_B = _turns(values).along["gradient"][list(PLANE_LABELS).index(values["plane"]), 0]
    return float(part_A), float(part_B)


def _turn_facts(values: Values) -> dict[str, str]:
    turns, (part_A, part_B) = _turns(values), _chosen(values)
    sgd, adam = turns.degrees["sgd"], turns.degrees["adam"]
    return {
        "steps": str(STEPS),
        "dots": str(CLIENTS * len(PLANES)),
        "part_A": _signed(part_A),
        "part_B": _signed(part_B),
        "sum": _signed(part_A + part_B),
        "largest": _power(_off(turns, "gradient")),
        "off": f"{_off(turns, 'adam'):.2f}",
        "first": f"{sgd[1].max():.2f}°",
        "sgd": degrees_of(float(np.median(sgd[-1]))),
        "adam": degrees_of(float(np.median(adam[-1]))),
        "moved_sgd": percent(turns.moved["sgd"][-1]),
        "moved_adam": percent(turns.moved["adam"][-1]),
    }


def _off(turns: FrameTurns, what: str) -> float:
    """Largest size of a sum of both parts."""
    return float(np.abs(turns.along[what].sum(-1)).max())


def _power(value: float) -> str:
    """``6·10⁻⁸``."""
    if value == 0:
        return "0"
    digit, exponent = f"{value:.0e}".split("e")
    return f"{digit}·10{str(int(exponent)).translate(RAISED)}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−") if abs(value) >= 0.0005 else "0.000"


def _gradient_before(values: Values, runs: Runs) -> Scene:
    return _turning(values, "Where will the dots of the gradient lie?")


def _gradient(values: Values, runs: Runs) -> Scene:
    f = _turn_facts(values)
    title = f"The gradient's parts cancel: {f['part_A']} and {f['part_B']} here, and every dot lies on the line"
    return _turning(values, title, dots="sgd", chosen=True)


def _parts_of_gradient(values: Values, runs: Runs) -> int:
    turns = _turns(values)
    if np.abs(turns.along["gradient"]).max() < CANCELS:
        return 0
    return 1 if _off(turns, "gradient") < CANCELS else 2


def _sgd_before(values: Values, runs: Runs) -> Scene:
    return _turning(values, "No single gradient step turns a frame. What do many of them do?", dots="sgd")


def _sgd(values: Values, runs: Runs) -> Scene:
    f = _turn_facts(values)
    title = f"SGD: {STEPS} local steps turn the median frame by {f['sgd']}, the first step by {f['first']}"
    return _turning(values, title, dots="sgd", lines="sgd")


def _adam_before(values: Values, runs: Runs) -> Scene:
    return _turning(values, "Same start and data, now with Adam: where will its dots and its line lie?", "sgd", "sgd")


def _adam(values: Values, runs: Runs) -> Scene:
    f = _turn_facts(values)
    title = f"Adam turns the median frame by {f['adam']}, SGD by {f['sgd']}, on the same data"
    return _turning(values, title, "sgd adam", "sgd adam")


def _end(values: Values, optimizer: str) -> float:
    return float(np.median(_turns(values).degrees[optimizer][-1]))


# Separate starts


def _by_round(runs: Runs) -> dict[str, tuple[str, Array]]:
    return {
        name: (SOURCES[name], np.array([float(np.median(_angles(trace, t))) for t in range(LAST + 1)]))
        for name, trace in _traces(runs).items()
    }


def _own_before(values: Values, runs: Runs) -> Scene:
    medians, title = _by_round(runs), "Where does the line of the separate starts run, round by round?"
    return Scene(lambda mode: by_round(medians, "independent", LAST + 1, title, title, mode))


def _own(values: Values, runs: Runs) -> Scene:
    medians = _by_round(runs)
    own = medians["independent"][1]
    facts = {"first": degrees(own[0]), "second": degrees(own[1]), "last": degrees(own[-1])}
    title = f"Separate starts: {facts['first']} in round 0, {facts['second']} in round 1, {facts['last']} in the last"
    return Scene(lambda mode: by_round(medians, None, LAST + 1, title, f"{title}.", mode), facts)


def _own_curve(values: Values, runs: Runs) -> Sequence[float]:
    own = _by_round(runs)["independent"][1]
    return [float(own[t]) for t in ASKED_ROUNDS]


# Signs and mirrors


def _mirrored(runs: Runs, round_index: int) -> dict[str, tuple[int, int]]:
    """Clients whose best turn mirrors, and all clients, by source."""
    found = {name: _record(trace, round_index).turns.reflected[LAYER] for name, trace in _traces(runs).items()}
    return {name: (int(mirrored.sum()), len(mirrored)) for name, mirrored in found.items()}


def _mirrors(values: Values, runs: Runs) -> Scene:
    t = int(values["when"])
    shown, mirrored = _sources(runs, t), _mirrored(runs, t)
    svd, planted = mirrored["svd"], mirrored["turned"]
    far = _angles(_traces(runs)["turned"], t)
    title = f"Round {t}: the SVD mirrors {svd[0]} of {svd[1]} clients, turning on purpose {planted[0]} of {planted[1]}"
    listed = ", ".join(f"{SOURCES[name]} {count} of {of}" for name, (count, of) in mirrored.items())
    facts = {
        "svd": f"{svd[0]} of {svd[1]}",
        "planted": f"{planted[0]} of {planted[1]}",
        "round": str(t),
        "near": _median(far[far < PLANTED / 2]),
        "far": _median(far[far >= PLANTED / 2]),
    }
    return Scene(lambda mode: strip(shown, title, f"Mirrored clients in round {t}: {listed}.", mode, True), facts)


def _median(angles: Array) -> str:
    return degrees(np.median(angles)) if len(angles) else "none"


def _share_mirrored(values: Values, runs: Runs) -> float:
    mirrored, of = _mirrored(runs, int(values["when"]))["svd"]
    return 100 * mirrored / of


# What it costs


def _scores(runs: Runs, hidden: bool = False) -> tuple[list[Score], float, str]:
    """Final scores by source, the median score before training, and the score's name."""
    summaries = cast(Sequence[RunSummary], runs)
    scores = []
    for n, name in enumerate(SOURCES):
        mine = summaries[n * SEEDS : (n + 1) * SEEDS]
        naive, aligned = (np.array([run.arms[arm].scores[-1] for run in mine]) for arm in ("fedit", "fedrot"))
        scores.append(Score(name, SOURCES[name], naive, None if hidden else aligned))
    return scores, float(np.median([run.start_score for run in summaries])), summaries[0].score_name


def _gain(score: Score) -> float:
    """Median over seeds of the aligned score minus the naive one of the same seed."""
    assert score.naive is not None
    assert score.aligned is not None
    return float(np.median(score.aligned - score.naive))


def _verdict(gain: float) -> int:
    return 0 if gain > SCORE_TIE else 2 if gain < -SCORE_TIE else 1


VERDICTS = ("Raises it clearly", "Hardly changes it", "Lowers it clearly")


def _gains_before(values: Values, runs: Runs) -> Scene:
    scores, start, what = _scores(runs, hidden=True)
    title = "Naive averaging ends like this. What will turning first change?"
    return Scene(lambda mode: gains(scores, start, what, title, title, mode), _constants())


def _constants() -> dict[str, str]:
    return {"rounds": str(LAST + 1), "seeds": str(SEEDS)}


def _gains(values: Values, runs: Runs) -> Scene:
    scores, start, what = _scores(runs)
    by = {score.name: score for score in scores}
    groups = [[score.label for score in scores if _verdict(_gain(score)) == n] for n in range(len(VERDICTS))]
    verdicts = ("helps", "does little", "hurts")
    told = [f"{verdict} ({', '.join(group)})" for verdict, group in zip(verdicts, groups, strict=True) if group]
    title = f"Turning first {', '.join(told)}"
    ends = {name: tuple(percent(np.median(v)) for v in (s.naive, s.aligned) if v is not None) for name, s in by.items()}
    listed = "; ".join(f"{by[name].label}: {a} naive, {b} turned first" for name, (a, b) in ends.items())
    alt = f"{title}. Final {what}, medians of {SEEDS} seeds: {listed}."
    facts = _constants() | {
        "verdict": VERDICTS[_verdict(_gain(by["trained"]))].lower().replace(" it", " the score"),
        "trained_naive": ends["trained"][0],
        "trained_aligned": ends["trained"][1],
        "svd_naive": ends["svd"][0],
        "svd_aligned": ends["svd"][1],
        "turned_naive": ends["turned"][0],
        "turned_aligned": ends["turned"][1],
        "start": percent(start),
    }
    return Scene(lambda mode: gains(scores, start, what, title, alt, mode), facts)


def _trained_verdict(values: Values, runs: Runs) -> int:
    return _verdict(_gain(_scores(runs)[0][0]))


register(
    Lesson(
        name="sources",
        title="Where does misalignment come from?",
        question="What turns the clients' frames apart, and when does it matter?",
        gist="Where clients start each round from the same factors, training turns their frames only a little. "
        "Where factors are written anew, as by SVD, frames end up far apart, and only then does alignment "
        "pay.",
        minutes=12,
        icon="call_split",
        knobs=(
            Knob("when", "Round", "Which round of the runs is shown.", "0", choices=MOMENTS),
            Knob("optim", "Optimiser", OPTIMISER_HELP, "adam", choices={"adam": "Adam", "sgd": "SGD"}),
            Knob("plane", "Plane", "The two latent axes that span the plane of the turn.", "0", choices=PLANE_LABELS),
            Knob(
                "pace",
                "Step size",
                "Learning rates of SGD and Adam, in pairs that move the factors about equally far.",
                "middle",
                choices={name: f"{name}: {p['sgd']:g}, {p['adam']:g}" for name, p in PACES.items()},
            ),
        ),
        steps=(
            Step(
                title="Four sources",
                text="Clients learn digits and upload in one of four ways: as trained from a "
                "shared start, from separate random starts, re-factorised by [[svd]], or turned on purpose. "
                "Each dot is one client's [[frame]].",
                do="Predict, then change [[round]] and optimiser.",
                scene=_four,
                after="Median turn in round {round}: as trained {trained}, separate starts "
                "{independent}, SVD {svd}, on purpose {turned}.",
                knobs=("when", "optim"),
                predict=Choice("Which of these turns the median client's frame furthest?", WAYS, _furthest),
                before=_strip_before("Four sources of turned frames. Which one turns furthest?", hidden=True),
                runs=_configs,
                reads=READS,
                notes="The angle is that of the best turn onto the clients' common mean, so it needs no reference and "
                "works in round 0 too. Training from a shared start turns the median client by {trained}.",
            ),
            Step(
                title="The loss cannot feel a turn",
                text="The loss sees only [[BA]]: no turn of the [[frame]] changes it. The gradient "
                "along a turn has a part from [[A]] and one from [[B]]; each dot is one [[client]] and plane.",
                do="Predict, then pick another plane.",
                scene=_gradient,
                after="They cancel: {part_A} and {part_B} give {sum}; the largest of {dots} sums is "
                "{largest}. So no gradient step turns a frame.",
                knobs=("plane",),
                predict=Choice(
                    "What are the two parts of the gradient along a turn?",
                    (
                        "Both are zero",
                        "They cancel: their sum is zero",
                        "They do not cancel",
                    ),
                    _parts_of_gradient,
                ),
                before=_gradient_before,
                notes="Differentiate the loss of B exp(X), exp(−X) A at zero, with X "
                "skew-symmetric. The loss does not change, so the derivative is 0, and it is the sum of the two "
                "numbers. This is a small matrix task with exact gradients.",
            ),
            Step(
                title="Plain SGD",
                text="All [[client|clients]] start from one [[broadcast]] and take {steps} local [[sgd]] steps, each "
                "on its own data. How far has the [[frame]] turned from the start?",
                do="Predict, then try other step sizes.",
                scene=_sgd,
                after="The median client's frame turns by {sgd}. The first step turns it by "
                "{first}; later ones add a little, because the path bends. Larger steps bend more.",
                knobs=("pace",),
                predict=Estimate(
                    "By how many degrees does SGD turn the median frame?",
                    0,
                    90,
                    1,
                    "°",
                    lambda values, runs: _end(values, "sgd"),
                ),
                before=_sgd_before,
                notes="Each step is free of turning as seen from where it starts, but a bent path "
                "can still end up turned, as when a car is parked sideways. That is why we say hardly, not "
                "never.",
            ),
            Step(
                title="Adam",
                text="[[adam|Adam]] rescales every coordinate on its own. Coordinates depend on "
                "the [[frame]], so the balance between the parts of [[A]] and [[B]] can break.",
                do="Predict, then try other step sizes.",
                scene=_adam,
                after="It does: sums reach {off}. After {steps} steps Adam has turned the median "
                "frame by {adam}, [[sgd]] by {sgd}, while their factors moved by {moved_adam} and {moved_sgd} "
                "of their norm.",
                knobs=("pace",),
                predict=Estimate(
                    "By how many degrees does Adam turn the median frame?",
                    0,
                    90,
                    1,
                    "°",
                    lambda values, runs: _end(values, "adam"),
                ),
                before=_adam_before,
                notes="Adam turns frames more than SGD does for a comparable movement, and still "
                "far less than an SVD. Do not oversell it: the last step shows that turns of this size cost "
                "nothing.",
            ),
            Step(
                title="Separate starts",
                text="In round 0 every [[client]] draws a random [[A]] of its own. From round 1 "
                "on, all start from the same [[broadcast]].",
                do="Draw how far the median [[frame]] is turned in each round.",
                scene=_own,
                after="{first} in round 0, {second} in round 1, {last} in the last: one average "
                "brings all into one frame. Alignment to a [[reference]] starts in round 1.",
                knobs=("optim",),
                predict=Curve(
                    "With separate starts, how far is the median client's frame turned?",
                    "round",
                    "median turn",
                    "°",
                    tuple(str(t) for t in ASKED_ROUNDS),
                    0,
                    180,
                    _own_curve,
                ),
                before=_own_before,
                runs=_configs,
                reads=READS,
                notes="Round 0 has no usable reference, since its broadcast has B = 0. Only "
                "generalised Procrustes could help there.",
            ),
            Step(
                title="Signs and mirrors",
                text="An [[svd]] leaves the sign of every direction to chance. An odd number of flips is a "
                "[[reflection]], which no [[rotation]] undoes. Crosses are mirrored [[client|clients]].",
                do="Predict, then look at other rounds.",
                scene=_mirrors,
                after="The SVD mirrored {svd} clients, turning on purpose {planted}. On purpose, "
                "half of the clients stand [[theta]] = 90° from the rest: median turns are {near} and {far}.",
                knobs=("when", "optim"),
                predict=Estimate("What share of the clients does the SVD mirror?", 0, 100, 1, "%", _share_mirrored),
                before=_strip_before("An SVD leaves signs to chance. Which of these dots are mirrored?", hidden=False),
                runs=_configs,
                reads=READS,
                notes="Each sign is a coin toss, so half of the clients are expected to be "
                "mirrored. Rotations alone then sacrifice the weakest direction; orthogonal turns, which may "
                "mirror, do not have to.",
            ),
            Step(
                title="Does it matter?",
                text="The final score after {rounds} rounds, on {seeds} seeds: of the [[naive]], "
                "and when [[client|clients]] are [[aligned|turned first]] by FedRot-LoRA.",
                do="Predict, then change the optimiser.",
                scene=_gains,
                after="As trained, turning first {verdict}: {trained_naive} naive, "
                "{trained_aligned} turned. After SVD {svd_naive} becomes {svd_aligned}; turned on purpose, "
                "{turned_naive} becomes {turned_aligned}. Frames that hardly turn leave nothing to repair.",
                knobs=("optim",),
                predict=Choice(
                    "Frames as trained from a shared start: what does turning first do to the final score?",
                    VERDICTS,
                    _trained_verdict,
                ),
                before=_gains_before,
                runs=_many,
                whole=False,
                notes="Say this out loud: if clients start together and send what they trained, you "
                "do not need alignment. You need it when frames are rewritten on the way, or when models come "
                "from elsewhere.",
            ),
        ),
    )
)
